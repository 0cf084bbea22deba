package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const isc = `Permission to use, copy, modify, and/or distribute this software for any purpose with or without fee is hereby
granted, provided that the above copyright notice and this permission notice appear in all copies.

THE SOFTWARE IS PROVIDED "AS IS" AND THE AUTHOR DISCLAIMS ALL WARRANTIES WITH REGARD TO THIS SOFTWARE INCLUDING ALL IMPLIED
WARRANTIES OF MERCHANTABILITY AND FITNESS. IN NO EVENT SHALL THE AUTHOR BE LIABLE FOR ANY SPECIAL, DIRECT, INDIRECT, OR
CONSEQUENTIAL DAMAGES OR ANY DAMAGES WHATSOEVER RESULTING FROM LOSS OF USE, DATA OR PROFITS, WHETHER IN AN ACTION OF CONTRACT,
NEGLIGENCE OR OTHER TORTIOUS ACTION, ARISING OUT OF OR IN CONNECTION WITH THE USE OR PERFORMANCE OF THIS SOFTWARE.
`

// put makes a module with the files.
func put(t *testing.T, files map[string]string) module {
	t.Helper()
	m := module{path: "example.com/mod", version: "v1.0.0", dir: t.TempDir()}
	for name, text := range files {
		path := filepath.Join(m.dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return m
}

func TestScan_FindsTheLicencesOfWhatIsInTheBinary(t *testing.T) {
	apache, err := os.ReadFile(filepath.Join("..", "..", "..", "LICENSE"))
	if err != nil {
		t.Fatal(err)
	}
	m := put(t, map[string]string{
		"LICENSE": string(apache), "LICENSE.docs": "all rights reserved", "license.go": "package mod",
		"used/COPYING": "Copyright 2026 Ada\n\n" + isc, "used/deep/deep.go": "", "unused/LICENSE": "all rights reserved",
	})
	m.packages = []string{m.dir, filepath.Join(m.dir, "used", "deep")}
	got, err := m.scan()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"Apache-2.0", "ISC"}, got); diff != "" {
		t.Errorf("licences (-want +got):\n%s", diff)
	}
}

func TestScan_RefusesWhatItDoesNotKnow(t *testing.T) {
	for name, files := range map[string]map[string]string{
		"no licence file":      {"README": isc},
		"an unknown text":      {"LICENSE": "all rights reserved"},
		"a known one in a sea": {"LICENSE": strings.Repeat("You owe us all that you have.\n", 99) + isc},
	} {
		m := put(t, files)
		m.packages = []string{m.dir}
		if got, err := m.scan(); err == nil || !strings.Contains(err.Error(), m.path) {
			t.Errorf("%s: found %q (%v), want an error that names the module", name, got, err)
		}
	}
}
