package source

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"tandem/internal/harness/gittest"
)

// large plants a file of so many bytes, and returns its hash.
func large(t *testing.T, b *gittest.Bare, size int64) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "large")
	must(t, os.WriteFile(file, nil, 0o644))
	must(t, os.Truncate(file, size))
	return b.Git(t, "-c", "core.compression=1", "hash-object", "-w", file)
}

// treeOf is the directory that a commit of plant has.
func treeOf(t *testing.T, b *gittest.Bare, commit string) string {
	t.Helper()
	return b.Git(t, "rev-parse", commit+"^{tree}")
}

// offer makes the commit the branch's newest.
func (w *world) offer(t *testing.T, commit string) {
	t.Helper()
	w.bare.Git(t, "update-ref", "refs/heads/"+gittest.Main, commit)
}

func TestLimits_AFileThatIsTooLargeIsNotFetchedAndNotAskedForAgain(t *testing.T) {
	t.Parallel()
	bare := gittest.NewBare(t)
	server := gittest.ServeHTTP(t, bare, gittest.HTTPOptions{})
	w := &world{bare: bare, ada: bare.Clone(t), repo: open(t, Options{URL: server.URL, CacheDir: t.TempDir()})}
	good := w.push(t, "first", map[string]string{"app/tandem.yaml": "x"})
	w.poll(t)
	app, movie := "040000 "+bare.Git(t, "rev-parse", good+":app")+" app", "100644 "+large(t, bare, maxObject+1<<20)+" movie"
	w.offer(t, plant(t, bare, app+"\n"+movie))

	asked := 0
	for range 2 {
		_, err := w.repo.Poll(within(t))
		if err == nil || !strings.Contains(err.Error(), "the newest commit has a file of 101 MiB, and no more than 100 MiB are fetched") {
			t.Fatalf("got %v", err)
		}
		if asked == 0 {
			asked = server.Requests("git-upload-pack")
		}
	}
	if now := server.Requests("git-upload-pack"); now-asked > 1 { // the branch is looked at, and nothing fetched
		t.Errorf("%d requests for the second look", now-asked)
	}
	w.offer(t, good)
	w.poll(t)
}

func TestLimits_AServerThatCanLeavesLargeFilesOut(t *testing.T) {
	t.Parallel()
	bare := gittest.NewBare(t)
	bare.Git(t, "config", "uploadpack.allowFilter", "true")
	server := gittest.ServeHTTP(t, bare, gittest.HTTPOptions{})
	w := &world{bare: bare, ada: bare.Clone(t), repo: open(t, Options{URL: server.URL, CacheDir: t.TempDir()})}
	w.push(t, "first", map[string]string{"app/tandem.yaml": "x"})
	blob, movie := bare.Git(t, "rev-parse", gittest.Main+":app/tandem.yaml"), large(t, bare, maxObject+1<<20)
	app := treeOf(t, bare, plant(t, bare, "100644 "+blob+" tandem.yaml"))
	fat := treeOf(t, bare, plant(t, bare, "100644 "+movie+" movie\n100644 "+blob+" tandem.yaml"))
	huge := treeOf(t, bare, plant(t, bare, "100644 "+movie+" tandem.yaml"))
	w.offer(t, plant(t, bare, "040000 "+app+" app\n040000 "+fat+" fat\n040000 "+huge+" huge\n100644 "+movie+" movie"))

	rev := w.poll(t)
	if got := file(t, rev, "app").Data; string(got) != "x" {
		t.Errorf("app: got %q", got)
	}
	if got := file(t, rev, "huge").Data; got != nil { // which says that it is too large
		t.Errorf("huge: got %d bytes", len(got))
	}
	must(t, w.repo.Export(within(t), rev.Commit.Hash, "app", filepath.Join(t.TempDir(), "app")))
	err := w.repo.Export(within(t), rev.Commit.Hash, "fat", filepath.Join(t.TempDir(), "fat"))
	if err == nil || !strings.Contains(err.Error(), "fat/movie: the file is larger than 100 MiB") {
		t.Errorf("fat: %v", err)
	}
}

// A few kilobytes of trees that name each other.
func TestLimits_TreesWithoutEnd(t *testing.T) {
	t.Parallel()
	w := openLocal(t, nil)
	w.push(t, "first", map[string]string{"app/tandem.yaml": "x", "other/file": "y"})
	app := w.bare.Git(t, "rev-parse", gittest.Main+":app")
	other := w.bare.Git(t, "rev-parse", gittest.Main+":other")
	// fold makes each directory hold the one before under so many names.
	fold := func(inner string, names, times int) string {
		for range times {
			var lines []string
			for n := range names {
				lines = append(lines, fmt.Sprintf("040000 %s d%04d", inner, n))
			}
			inner = treeOf(t, w.bare, plant(t, w.bare, strings.Join(lines, "\n")))
		}
		return inner
	}
	for name, c := range map[string]struct{ tree, want string }{
		"ten thousand million directories": {fold(other, 10, 10), "there are more than 100000 directories"},
		"a thousand million apps":          {fold(app, 10, 9), "more than 1000 app files"},
		"thousands of apps side by side":   {fold(app, maxApps+1, 1), "more than 1000 app files"},
		"deep":                             {fold(app, 1, maxDepth+1), "more than 100 directories in each other"},
	} {
		t.Run(name, func(t *testing.T) {
			w.offer(t, w.bare.Git(t, "commit-tree", "-m", name, c.tree))
			if _, err := w.repo.Poll(within(t)); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
	t.Run("as deep as may be", func(t *testing.T) {
		w.offer(t, w.bare.Git(t, "commit-tree", "-m", "deep", fold(app, 1, maxDepth-1)))
		if got := len(w.poll(t).Files); got != 1 {
			t.Errorf("%d apps", got)
		}
	})
}

func TestLimits_AnAppDoesNotFillTheDisk(t *testing.T) {
	t.Parallel()
	w := openLocal(t, nil)
	w.push(t, "first", map[string]string{"tandem.yaml": "x"})
	app := "100644 " + w.bare.Git(t, "rev-parse", gittest.Main+":tandem.yaml") + " tandem.yaml"
	movie := large(t, w.bare, maxExport/4)
	for n := range 5 {
		app += fmt.Sprintf("\n100644 %s movie%d", movie, n)
	}
	commit := plant(t, w.bare, app)
	w.offer(t, commit)
	w.poll(t)
	dest := filepath.Join(t.TempDir(), "dest")
	err := w.repo.Export(within(t), commit, ".", dest)
	if err == nil || !strings.Contains(err.Error(), "the app's files are larger than 1024 MiB together") {
		t.Errorf("got %v", err)
	}
	if left := listing(t, filepath.Dir(dest)); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

// What a delta makes counts, and not the delta's own few bytes.
func TestLimits_ADeltaIsAsLargeAsWhatItMakes(t *testing.T) {
	var pack bytes.Buffer
	put := func(header []byte, content []byte) {
		pack.Write(header)
		z := zlib.NewWriter(&pack)
		_, err := z.Write(content)
		must(t, err)
		must(t, z.Close())
	}
	pack.WriteString("PACK\x00\x00\x00\x02\x00\x00\x00\x02")
	base := pack.Len()
	put([]byte{0x30 | 5}, []byte("hello")) // a blob of five bytes
	delta := binary.AppendUvarint(binary.AppendUvarint(nil, 5), 1000)
	for range 200 {
		delta = append(delta, 0x90, 5) // five bytes of the base again
	}
	size := len(delta) // of 404 bytes: four bits, and seven more
	put([]byte{0xe0 | byte(size&15), byte(size >> 4), byte(pack.Len() - base)}, delta)

	pack.WriteString("the checksum, unread")
	for most, want := range map[int64]bool{999: true, 1000: false} {
		// Byte by byte, so that the pack is judged before its checksum has come.
		p := limitPack(iotest.OneByteReader(bytes.NewReader(pack.Bytes())), most)
		passed, readErr := io.ReadAll(p)
		if err := p.close(); isOverLimit(err) != want || isOverLimit(readErr) != want {
			t.Errorf("at most %d: %v, %v", most, err, readErr)
		}
		if !want && (readErr != nil || !bytes.Equal(passed, pack.Bytes())) {
			t.Errorf("at most %d: %d of %d bytes passed, %v", most, len(passed), pack.Len(), readErr)
		}
	}
}
