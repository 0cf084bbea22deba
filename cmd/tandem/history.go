package main

import (
	"io"
	"time"

	"github.com/spf13/cobra"

	"tandem/internal/api"
	"tandem/reconciler/deploy"
)

func newHistory(s *settings) *cobra.Command {
	var fromGit bool
	cmd := &cobra.Command{
		Use:     "history APP",
		GroupID: groupAsk,
		Short:   "Show an app's last deploys and how each ended",
		Long: `Show the last 50 deploys of an app, the newest first, and how each ended: Promoted,
RolledBack, Rejected, Refused, Superseded or Reverted. It asks the running agent;
when none answers it shows what was last published to the repository.`,
		Example: `  tandem history shop
  tandem history shop -o json`,
		Args: takes(cobra.ExactArgs(1)),
	}
	cmd.Flags().BoolVar(&fromGit, "from-git", false, "show what was published to the repository; ask no agent")
	format := outputFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		ask, err := s.asker(fromGit, cmd.ErrOrStderr())
		if err != nil {
			return err
		}
		statuses, err := ask(cmd.Context())
		if err != nil {
			return err
		}
		one, err := api.Find(statuses, args[0])
		if err != nil {
			return err
		}
		entries := append([]deploy.Entry{}, one.History...) // [] and not null, which scripts would trip over
		return show(cmd.OutOrStdout(), format, entries, func(w io.Writer) error { return writeHistory(w, entries) })
	}
	return cmd
}

func writeHistory(w io.Writer, entries []deploy.Entry) error {
	rows := make([]row, len(entries))
	for i, e := range entries {
		rows[i].cells = []string{
			e.Started.UTC().Format(time.DateTime), e.Took.String(), string(e.Result), string(e.Reason),
			e.Tag, string(e.Color), deploy.Commit{Hash: e.Commit}.Short(),
		}
	}
	return writeTable(w, []string{"STARTED (UTC)", "TOOK", "RESULT", "REASON", "TAG", "COLOR", "COMMIT"}, rows)
}
