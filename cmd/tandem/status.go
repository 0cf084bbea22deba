package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"tandem/internal/agent"
	"tandem/internal/api"
	"tandem/reconciler/deploy"
)

// watchInterval is how often status --watch asks.
const watchInterval = time.Second

func newStatus(s *settings) *cobra.Command {
	var watch, fromGit bool
	cmd := &cobra.Command{
		Use:     "status [APP]",
		GroupID: groupAsk,
		Short:   "Show what is live, what is desired, and what is in the way",
		Long: `Show the state of every app, or of one: what is desired, what is live, what stands
by, and below it what keeps an app from being as desired. It asks the running
agent; when none answers it shows what was last published to the repository. It
exits 0 whenever it can tell; use -o json to act on what it says.`,
		Example: `  tandem status
  tandem status shop --watch
  tandem status -o json
  tandem status --from-git --repo-url git@git.example.com:acme/deploy.git   from any machine`,
		Args: takes(cobra.MaximumNArgs(1)),
	}
	cmd.Flags().BoolVar(&watch, "watch", false, "show every change until interrupted")
	cmd.Flags().BoolVar(&fromGit, "from-git", false, "show what was published to the repository; ask no agent")
	format := outputFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		ask, err := s.asker(fromGit, cmd.ErrOrStderr())
		if err != nil {
			return err
		}
		print := func(w io.Writer, statuses []deploy.Status) error {
			return showStatuses(w, format, statuses, args)
		}
		if watch {
			return follow(cmd.Context(), cmd.OutOrStdout(), cmd.ErrOrStderr(), ask, print)
		}
		statuses, err := ask(cmd.Context())
		if err != nil {
			return err
		}
		return print(cmd.OutOrStdout(), statuses)
	}
	return cmd
}

// showStatuses prints one app or all. One app is an object, all are a list.
func showStatuses(w io.Writer, format *choice, statuses []deploy.Status, args []string) error {
	if len(args) == 0 {
		if len(statuses) == 0 && format.value == "table" {
			_, err := fmt.Fprintln(w, "no app: the watched branch holds no tandem.yaml, or has not been read yet")
			return err
		}
		return show(w, format, statuses, func(w io.Writer) error { return writeStatuses(w, statuses, time.Now()) })
	}
	one, err := api.Find(statuses, args[0])
	if err != nil {
		return err
	}
	return show(w, format, one, func(w io.Writer) error {
		return writeStatuses(w, []deploy.Status{one}, time.Now())
	})
}

// asker returns how to learn the statuses: from the agent, or from what it last
// published, when nobody answers or that is what was asked for.
func (s *settings) asker(fromGit bool, stderr io.Writer) (asker, error) {
	if fromGit {
		cfg, err := s.load()
		return func(ctx context.Context) ([]deploy.Status, error) { return agent.PublishedStatuses(ctx, cfg) }, err
	}
	cfg, err := s.loadLocal()
	client, said, yet := api.NewClient(cfg.Listen).WithToken(cfg.API.TokenFile), false, ""
	return func(ctx context.Context) ([]deploy.Status, error) {
		statuses, err := client.Statuses(ctx)
		if err == nil && len(statuses) == 0 {
			if waits := client.Ready(ctx); waits != nil && waits.Error() != yet {
				yet = waits.Error()
				_, _ = fmt.Fprintf(stderr, "note: %s\n", printable(yet)) // the same as below
			}
		}
		var away *api.NoAgentError
		if !errors.As(err, &away) || cfg.Repo.URL == "" {
			return statuses, err
		}
		if !said {
			said = true
			// A note only; that it cannot be shown changes nothing.
			_, _ = fmt.Fprintf(stderr, "note: no agent answers on %s; this is what was last published to the repository\n", away.Addr)
		}
		return agent.PublishedStatuses(ctx, cfg)
	}, err
}

// asker learns the status of every app.
type asker func(context.Context) ([]deploy.Status, error)

// follow prints the statuses whenever they change, until ctx ends. It outlives
// an agent that is restarted, but not one that was not there to begin with.
func follow(ctx context.Context, stdout, stderr io.Writer, ask asker, print func(io.Writer, []deploy.Status) error) error {
	var last, trouble string
	tick := time.NewTicker(watchInterval)
	defer tick.Stop()
	for {
		var page strings.Builder
		statuses, err := ask(ctx)
		if err == nil {
			err = print(&page, statuses)
		}
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil && last == "":
			return err
		case err != nil:
			if trouble != err.Error() {
				trouble = err.Error()
				report(stderr, err)
			}
		case page.String() == last:
			trouble = ""
		default:
			last, trouble = page.String(), ""
			if _, err := io.WriteString(stdout, clearScreen(stdout)+last); err != nil {
				return err
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// clearScreen is what makes a terminal show the next page in place of the last;
// a file or a pipe gets one page after the other.
func clearScreen(w io.Writer) string {
	f, ok := w.(*os.File)
	if !ok {
		return ""
	}
	if info, err := f.Stat(); err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return ""
	}
	return "\x1b[H\x1b[2J"
}
