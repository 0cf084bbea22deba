package main

import (
	"github.com/spf13/cobra"

	"tandem/internal/api"
)

func newResume(s *settings) *cobra.Command {
	return steer(s, &cobra.Command{
		Use:     "resume APP",
		Short:   "End a pause",
		Long:    "End the pause of an app: what the repository asks for by now is deployed.",
		Example: "  tandem resume shop",
	}, (*api.Client).Resume, "is resumed")
}
