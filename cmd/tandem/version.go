package main

import (
	"cmp"
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// Set at link time (-ldflags "-X main.version=… -X main.commit=…"); where one is
// empty, as after a plain `go build`, the build information answers.
var version, commit, date, modified string

func newVersion() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Show the version, the commit it was built from, and the Go version",
		Args:  takes(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := fmt.Fprint(cmd.OutOrStdout(), versionText(debug.ReadBuildInfo()))
			return err
		},
	}
}

func versionText(info *debug.BuildInfo, ok bool) string {
	release, revision, built := build(info, ok)
	return fmt.Sprintf("tandem %s\ncommit %s\ndate   %s\ngo     %s\n",
		release, revision, cmp.Or(date, built["vcs.time"], "unknown"), runtime.Version())
}

// build says which build this is, and what Go noted of it.
func build(info *debug.BuildInfo, ok bool) (release, revision string, noted map[string]string) {
	noted = map[string]string{}
	module := ""
	if ok {
		for _, s := range info.Settings {
			noted[s.Key] = s.Value
		}
		module = info.Main.Version
	}
	revision = cmp.Or(commit, noted["vcs.revision"], "unknown")
	if cmp.Or(modified, noted["vcs.modified"]) == "true" {
		revision += " (modified)"
	}
	return cmp.Or(version, module, "unknown"), revision, noted
}
