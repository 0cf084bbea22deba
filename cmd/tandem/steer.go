package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"tandem/internal/api"
)

// steer completes a command that asks the running agent to do one thing for one
// app, and says that it was done.
func steer(s *settings, cmd *cobra.Command, do func(c *api.Client, ctx context.Context, app string) error, done string) *cobra.Command {
	cmd.GroupID = groupSteer
	cmd.Args = takes(cobra.ExactArgs(1))
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		cfg, err := s.loadLocal()
		if err != nil {
			return err
		}
		if err := do(api.NewClient(cfg.Listen).WithToken(cfg.API.TokenFile), cmd.Context(), args[0]); err != nil {
			return err
		}
		_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s %s\n", printable(args[0]), done)
		return err
	}
	return cmd
}
