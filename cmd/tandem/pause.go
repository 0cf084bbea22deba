package main

import (
	"github.com/spf13/cobra"

	"tandem/internal/api"
)

func newPause(s *settings) *cobra.Command {
	return steer(s, &cobra.Command{
		Use:   "pause APP",
		Short: "Start no deploy of an app until it is resumed",
		Long: `Start no deploy of the app until it is resumed. What is live is still looked after,
and a bad release that is being watched is still taken back.`,
		Example: "  tandem pause shop",
	}, (*api.Client).Pause, "is paused")
}
