package source

import (
	"os"
	"strconv"
	"strings"
	"testing"
)

// TestPoll_WhatACommitSaysIsSeen has what turns text around, or hides it, in a subject,
// an author's name and a file's name.
func TestPoll_WhatACommitSaysIsSeen(t *testing.T) {
	w := openLocal(t, nil)
	for odd, want := range map[string]string{
		"\u202e": `\u202e`, "\u2066": `\u2066`, "\u2069": `\u2069`, "\u200f": `\u200f`, "\u061c": `\u061c`, "\u200b": `\u200b`,
	} {
		link := "link" + odd
		must(t, os.RemoveAll(w.ada.Dir+"/"+link))
		must(t, os.Symlink("/etc/passwd", w.ada.Dir+"/"+link))
		w.ada.Commit(t, "fix"+odd+"ed", map[string]string{"tandem.yaml": odd, "x": odd})
		w.ada.Git(t, "commit", "-q", "--amend", "--no-edit", "--author=A"+odd+"da <ada@example.com>")
		w.ada.Push(t)
		hash := w.ada.Head(t)
		rev := w.poll(t)
		if rev.Commit.Author != "A"+want+"da" || rev.Commit.Subject != "fix"+want+"ed" {
			t.Errorf("%q: %+v", odd, rev.Commit)
		}
		err := w.repo.Export(within(t), hash, ".", t.TempDir()+"/dest")
		if err == nil || !strings.Contains(err.Error(), "link"+want) {
			t.Errorf("%q: %v, want the name of the link", odd, err)
			continue
		}
		for _, r := range err.Error() {
			if !strconv.IsPrint(r) {
				t.Errorf("%q holds %U", err, r)
			}
		}
		w.ada.Git(t, "rm", "-q", "--", link)
	}
}
