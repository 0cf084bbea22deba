package project_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"tandem/compose/project"
	"tandem/reconciler/deploy"
)

// decide reads what a person would write into tandem.yaml: a key and its words a line.
func decide(t *testing.T, app *deploy.App, text string) {
	t.Helper()
	for line := range strings.Lines(text) {
		words := strings.Fields(line)
		if len(words) == 0 {
			continue
		}
		switch rest := words[1:]; words[0] {
		case "shared":
			app.SharedServices = rest
		case "ignore":
			app.Ignore = rest
		case "profiles":
			app.Profiles = rest
		case "compose":
			app.Compose = rest
		case "singletons":
			app.Singletons = rest
		case "expand":
			app.Migrations.Expand = rest[0]
		case "build":
			app.Build = rest[0] == "true"
		case "tag":
			app.Tag = rest[0]
		case "data":
			app.Data = rest[0]
		case "port":
			if _, err := fmt.Sscan(rest[0], &app.Routes[0].Port); err != nil {
				t.Fatal(err)
			}
		case "service":
			app.Routes[0].Service = rest[0]
		case "volume":
			if app.Volumes == nil {
				app.Volumes = map[string]deploy.VolumeUse{}
			}
			app.Volumes[rest[0]] = deploy.VolumeUse(rest[1])
		case "image":
			app.Images = map[string]string{rest[0]: rest[1]}
		default:
			t.Fatalf("no such decision: %s", line)
		}
	}
}

// TestProject_MakesAFileRunInTwoColors reads testdata/projected: the files of an app, what
// tandem.yaml decides, and what has to come out: each project as a Compose file, and what
// was changed. It is kept for each row of the table in docs/compose.md.
func TestProject_MakesAFileRunInTwoColors(t *testing.T) {
	cases, err := filepath.Glob("testdata/projected/*.txtar")
	if err != nil || len(cases) < 10 {
		t.Fatalf("found %d cases (%v), want 10 or more", len(cases), err)
	}
	loader := newLoader(t, project.LoaderOptions{Data: "/data"})
	for _, file := range cases {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			app := shop(t)
			files, wanted := map[string]string{}, &txtar.Archive{Comment: archive.Comment}
			given := &txtar.Archive{Comment: archive.Comment}
			for _, f := range archive.Files {
				switch name, want := strings.CutPrefix(f.Name, "want "); {
				case want:
					wanted.Files = append(wanted.Files, txtar.File{Name: name, Data: f.Data})
					continue
				case f.Name == "decisions":
					decide(t, &app, string(f.Data))
				case f.Name == "compose.shared.yaml":
					app.Shared = f.Name
					fallthrough
				default:
					files[f.Name] = string(f.Data)
				}
				given.Files = append(given.Files, f)
			}
			put(t, app, files)
			got := projected(t, loader, app)
			if *rewrite {
				for _, f := range got.Files {
					given.Files = append(given.Files, txtar.File{Name: "want " + f.Name, Data: f.Data})
				}
				if err := os.WriteFile(file, txtar.Format(given), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			wanted.Comment = nil
			if diff := cmp.Diff(string(txtar.Format(wanted)), string(txtar.Format(got))); diff != "" {
				t.Errorf("projection (-want +got):\n%s", diff)
			}
		})
	}
}

// projected writes the projection of an app down: blue whole, green only where it is
// another one than its name says, the shared stack, and the notes.
func projected(t *testing.T, loader *project.Loader, app deploy.App) *txtar.Archive {
	t.Helper()
	r, err := loader.Load(t.Context(), app)
	if err != nil {
		t.Fatal(err)
	}
	texts, err := r.ComposeFiles()
	if err != nil {
		t.Fatal(err)
	}
	var notes strings.Builder
	for _, n := range r.Notes {
		fmt.Fprintln(&notes, n)
	}
	texts["notes"] = notes.String()
	ports := strings.NewReplacer(app.Project(deploy.Blue), app.Project(deploy.Green), "3001", "3002", "COLOR: blue", "COLOR: green", "/data/shop/blue", "/data/shop/green")
	if ports.Replace(texts[app.Project(deploy.Blue)]) == texts[app.Project(deploy.Green)] {
		delete(texts, app.Project(deploy.Green))
	}
	out := &txtar.Archive{}
	var names []string
	for name := range texts {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		text := strings.ReplaceAll(texts[name], app.Root, "<root>")
		out.Files = append(out.Files, txtar.File{Name: name, Data: []byte(text)})
	}
	return out
}
