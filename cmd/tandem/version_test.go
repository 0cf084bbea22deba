package main

import (
	"runtime"
	"runtime/debug"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestVersion_BuildInformationAnswersForAPlainBuild(t *testing.T) {
	info := &debug.BuildInfo{Settings: []debug.BuildSetting{
		{Key: "vcs.revision", Value: "3f2c"}, {Key: "vcs.time", Value: "2026-11-21T22:10:04Z"}, {Key: "vcs.modified", Value: "true"},
	}}
	info.Main.Version = "v0.1.0"
	want := "tandem v0.1.0\ncommit 3f2c (modified)\ndate   2026-11-21T22:10:04Z\ngo     " + runtime.Version() + "\n"
	if diff := cmp.Diff(want, versionText(info, true)); diff != "" {
		t.Errorf("version (-want +got):\n%s", diff)
	}
	want = "tandem unknown\ncommit unknown\ndate   unknown\ngo     " + runtime.Version() + "\n"
	if diff := cmp.Diff(want, versionText(nil, false)); diff != "" {
		t.Errorf("version without build information (-want +got):\n%s", diff)
	}
}
