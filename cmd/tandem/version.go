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
	built := map[string]string{}
	module := ""
	if ok {
		for _, s := range info.Settings {
			built[s.Key] = s.Value
		}
		module = info.Main.Version
	}
	revision := cmp.Or(commit, built["vcs.revision"], "unknown")
	if cmp.Or(modified, built["vcs.modified"]) == "true" {
		revision += " (modified)"
	}
	return fmt.Sprintf("tandem %s\ncommit %s\ndate   %s\ngo     %s\n",
		cmp.Or(version, module, "unknown"),
		revision,
		cmp.Or(date, built["vcs.time"], "unknown"),
		runtime.Version())
}
