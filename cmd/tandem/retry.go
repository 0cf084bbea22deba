package main

import (
	"github.com/spf13/cobra"

	"tandem/internal/api"
)

func newRetry(s *settings) *cobra.Command {
	return steer(s, &cobra.Command{
		Use:   "retry APP",
		Short: "Try a release again that failed",
		Long: `Make the app's rejected release worth another try. Without it, a release that
failed is left alone until a commit changes the app's directory.`,
		Example: "  tandem retry shop",
	}, (*api.Client).Retry, "will be tried again")
}
