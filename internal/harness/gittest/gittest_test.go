package gittest

import (
	"os/exec"
	"testing"
)

func TestHelpers_ServeARealRepositoryEachWay(t *testing.T) {
	bare := NewBare(t)
	ada := bare.Clone(t)
	ada.Commit(t, "first", map[string]string{"a/tandem.yaml": "tag: 1\n"})
	ada.Push(t)
	ada.Commit(t, "second", map[string]string{"a/tandem.yaml": "tag: 2\n"})
	ada.Push(t)
	ada.Revert(t)
	ada.Push(t)
	if got, _ := bare.Show(t, Main, "a/tandem.yaml"); got != "tag: 1\n" {
		t.Errorf("after the revert: %q", got)
	}
	if got := len(bare.Log(t, Main)); got != 3 {
		t.Errorf("%d commits, want 3", got)
	}

	web := ServeHTTP(t, bare, HTTPOptions{})
	if got := ada.Git(t, "ls-remote", web.URL, "refs/heads/main"); len(got) < 40 || got[:40] != ada.Head(t) {
		t.Errorf("over HTTP: %q", got)
	}
	shell := ServeSSH(t, bare)
	if _, err := exec.LookPath("ssh"); err != nil {
		t.Fatal("these tests need the ssh program: install openssh-client")
	}
	got := ada.Git(t, "-c", "core.sshCommand=ssh -o UserKnownHostsFile="+shell.KnownHosts+" -i "+shell.KeyFile,
		"ls-remote", shell.URL, "refs/heads/main")
	if len(got) < 40 || got[:40] != ada.Head(t) {
		t.Errorf("over SSH: %q", got)
	}
}
