package main

import (
	"context"
	"io"
	"log/slog"
	"runtime/debug"
	"time"

	"github.com/spf13/cobra"

	"tandem/internal/agent"
)

func newRun(s *settings) *cobra.Command {
	var once bool
	cmd := &cobra.Command{
		Use:     "run",
		GroupID: groupAgent,
		Short:   "Run the agent: deploy what the repository asks for, and keep it so",
		Long: `Run the agent in the foreground: watch the repository, deploy what it asks for,
keep it running, and write the status back. The first SIGINT or SIGTERM ends it
once what it is writing is written; what is live stays live.`,
		Example: `  tandem run --repo-url /path/to/repo.git          try it on a local repository
  tandem run                                       everything from /etc/tandem/agent.yaml
  tandem run --once                                one pass; exit 0 when every app is as desired`,
		Annotations: map[string]string{allFlags: "yes"},
		Args:        takes(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			a, err := s.agent(cmd, slog.LevelInfo)
			if err != nil {
				return err
			}
			version, commit, _ := build(debug.ReadBuildInfo())
			a.SetBuildInfo(version, commit)
			if once {
				return runOnce(cmd.Context(), a, cmd.OutOrStdout())
			}
			return a.Run(cmd.Context())
		},
	}
	cmd.Flags().BoolVar(&once, "once", false, "make one pass, print the status, and exit 0 when every app is as desired")
	return cmd
}

func runOnce(ctx context.Context, a *agent.Agent, w io.Writer) error {
	statuses, err := a.Once(ctx)
	if err != nil {
		return err
	}
	if err := writeStatuses(w, statuses, time.Now()); err != nil {
		return err
	}
	return ended(codeOfStatuses(statuses))
}

// agent loads the configuration and wires an agent that does nothing yet.
func (s *settings) agent(cmd *cobra.Command, level slog.Level) (*agent.Agent, error) {
	cfg, err := s.load()
	if err != nil {
		return nil, err
	}
	log, err := s.logger(cmd.ErrOrStderr(), level)
	if err != nil {
		return nil, err
	}
	return agent.New(cfg, log)
}
