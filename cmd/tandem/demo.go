package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"tandem/internal/demo"
)

func newDemo() *cobra.Command {
	var keep bool
	var remove string
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Show the whole story on this machine, and clean up",
		Long: `Play the whole story on this machine, unattended, in a few minutes: a first deploy,
a tag bump under load, a release that never gets traffic, a revert, an agent that is
killed. Docker, Nginx and Git are real, everything listens on 127.0.0.1, and all of
it is removed at the end. Exit code 1 when a request failed or anything was left.`,
		Example: `  tandem demo
  tandem demo --keep                        leave it running to play with; it says how
  tandem demo --remove /tmp/tandem-shop-1   remove what --keep left running`,
		Args: takes(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if keep && remove != "" {
				return &usageError{errors.New("--keep and --remove exclude each other")}
			}
			if remove != "" {
				return demo.Remove(cmd.Context(), remove, cmd.OutOrStdout())
			}
			program, err := os.Executable()
			if err != nil {
				return fmt.Errorf("find this program: %w", err)
			}
			err = demo.Run(cmd.Context(), demo.Options{Program: program, Out: cmd.OutOrStdout(), Keep: keep})
			var unready *demo.NotReadyError
			if errors.As(err, &unready) {
				err = withHint(err, "`make demo` installs and starts what is missing")
			}
			return err
		},
	}
	cmd.Flags().BoolVar(&keep, "keep", false, "leave everything running at the end, and say how to play with it")
	cmd.Flags().StringVar(&remove, "remove", "", "remove the demo in this directory, and do nothing else")
	return cmd
}
