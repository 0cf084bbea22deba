package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"tandem/internal/api"
)

func newRemove(s *settings) *cobra.Command {
	return &cobra.Command{
		Use:     "remove APP",
		GroupID: groupSteer,
		Short:   "Take away the stacks of an app that git does not have any more",
		Long: `Take away what is left of an app that the repository does not have any more, because
it was renamed or given up: its files for Nginx, the containers and networks of both
stacks, and its images. Volumes and shared services stay. It is refused, with exit code 3
and nothing removed, while the repository still has the app, or while the configuration of
Nginx still uses it. It may be called again.`,
		Example: "  tandem remove shop",
		Args:    takes(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, err := s.loadLocal()
			if err != nil {
				return err
			}
			done, err := api.NewClient(cfg.Listen).WithToken(cfg.API.TokenFile).Remove(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			for _, line := range append(done, args[0]+" is gone; its volumes stay") {
				if _, err := fmt.Fprintln(cmd.OutOrStdout(), printable(line)); err != nil {
					return err
				}
			}
			return nil
		},
	}
}
