package main

import (
	"github.com/spf13/cobra"

	"tandem/internal/validate"
)

// newTrial is what this program calls itself for: a file that takes too much memory or
// time to be read takes it from a process that nobody else needs. It is no command for
// people, and not shown to them.
func newTrial() *cobra.Command {
	return &cobra.Command{
		Use:    validate.TrialCommand,
		Hidden: true,
		Short:  "Read Compose files in a process of its own, for the agent",
		Args:   takes(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return validate.Trial(cmd.Context(), cmd.InOrStdin(), cmd.OutOrStdout())
		},
	}
}
