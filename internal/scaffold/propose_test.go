package scaffold_test

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"tandem/internal/scaffold"
)

var rewrite = flag.Bool("rewrite", false, "write the golden files anew")

// unpack writes the files of an archive into a directory of that name, without those that are
// wanted.
func unpack(t *testing.T, archive *txtar.Archive, name string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), name)
	for _, f := range archive.Files {
		if strings.HasPrefix(f.Name, "want ") {
			continue
		}
		full := filepath.Join(dir, f.Name)
		if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(full, f.Data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// TestPropose_GuessesWhatAPersonWouldWrite reads testdata/proposed: the files that people
// have, and the tandem.yaml that has to come out. That tandem accepts each of them is tested
// in internal/harness/e2e.
func TestPropose_GuessesWhatAPersonWouldWrite(t *testing.T) {
	cases, err := filepath.Glob("testdata/proposed/*.txtar")
	if err != nil || len(cases) < 12 {
		t.Fatalf("found %d cases (%v), want 12 or more", len(cases), err)
	}
	for _, file := range cases {
		name := strings.TrimSuffix(filepath.Base(file), ".txtar")
		t.Run(name, func(t *testing.T) {
			archive, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			dir := unpack(t, archive, name)
			s, err := scaffold.Read(t.Context(), dir, nil)
			if err != nil {
				t.Fatal(err)
			}
			p, err := scaffold.Propose(s, scaffold.Answers{})
			if err != nil {
				t.Fatal(err)
			}
			got := string(p.Render(s.Files, p.Needs(s)))
			want := ""
			given := &txtar.Archive{Comment: archive.Comment}
			for _, f := range archive.Files {
				if f.Name == "want tandem.yaml" {
					want = string(f.Data)
				} else {
					given.Files = append(given.Files, f)
				}
			}
			if *rewrite {
				given.Files = append(given.Files, txtar.File{Name: "want tandem.yaml", Data: []byte(got)})
				if err := os.WriteFile(file, txtar.Format(given), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("tandem.yaml (-want +got):\n%s", diff)
			}
		})
	}
}
