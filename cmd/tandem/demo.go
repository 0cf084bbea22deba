package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

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
			ctx, stop := untilNobodyLooks(cmd.Context())
			defer stop()
			err = demo.Run(ctx, demo.Options{Program: program, Out: cmd.OutOrStdout(), Keep: keep})
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

// untilNobodyLooks ends the demo in order, and so cleans up, also when its
// terminal is closed or the reader of its output goes away (`tandem demo | head`),
// which would otherwise kill it on the spot.
func untilNobodyLooks(parent context.Context) (ctx context.Context, stop func()) {
	pipe := make(chan os.Signal, 1) // never read: being told makes the write fail instead
	signal.Notify(pipe, syscall.SIGPIPE)
	ctx, cancel := signal.NotifyContext(parent, syscall.SIGHUP)
	return ctx, func() {
		cancel()
		signal.Stop(pipe)
	}
}
