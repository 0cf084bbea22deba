package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

const (
	groupStart = "start"
	groupAgent = "agent"
	groupAsk   = "ask"
	groupSteer = "steer"
)

func newRoot() *cobra.Command {
	s := newSettings()
	root := &cobra.Command{
		Use:   "tandem",
		Short: "GitOps blue/green deployments on plain Docker and plain Nginx",
		Long: `tandem deploys what a Git repository asks for, on one machine with plain Docker
and plain Nginx. You push a tag; it brings the new version up beside the old one,
proves it healthy, moves the traffic without dropping a request, watches it, and
writes what it did back into the repository. You revert the commit; it moves back.`,
		Example: `  tandem init                               write a tandem.yaml for the Compose file in this directory
  tandem validate                           are the files in this directory right?
  tandem plan --repo-url /path/to/repo.git  what would be done here, and why?
  tandem run --repo-url /path/to/repo.git   do it, and go on doing it`,
		Args:          cobra.ArbitraryArgs, // so that an unknown command arrives at RunE
		SilenceErrors: true,
		SilenceUsage:  true,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return unknownCommand(cmd, args[0])
			}
			return cmd.Help()
		},
	}
	root.AddGroup(
		&cobra.Group{ID: groupStart, Title: "START"},
		&cobra.Group{ID: groupAgent, Title: "THE AGENT"},
		&cobra.Group{ID: groupAsk, Title: "ASK"},
		&cobra.Group{ID: groupSteer, Title: "STEER"},
	)
	root.AddCommand(
		newInit(s),
		newRun(s),
		newPlan(s), newStatus(s), newHistory(s), newValidate(s),
		newRetry(s), newPause(s), newResume(s), newRemove(s),
		newVersion(),
		newTrial(),
	)
	s.bind(root.PersistentFlags())
	root.SetFlagErrorFunc(badFlag)
	root.SetHelpFunc(help)
	root.SetHelpCommand(newHelp(root))
	return root
}

func newHelp(root *cobra.Command) *cobra.Command {
	return &cobra.Command{
		Use:   "help [COMMAND]",
		Short: "Explain a command",
		RunE: func(_ *cobra.Command, args []string) error {
			cmd, rest, err := root.Find(args)
			if err != nil {
				return &usageError{err}
			}
			if len(rest) > 0 {
				return unknownCommand(root, strings.Join(args, " "))
			}
			return cmd.Help()
		},
	}
}

func unknownCommand(root *cobra.Command, name string) error {
	root.SuggestionsMinimumDistance = 2
	return &usageError{withHint(fmt.Errorf("unknown command %q", name),
		didYouMean("tandem ", root.SuggestionsFor(name), "tandem --help lists the commands")...)}
}

func badFlag(cmd *cobra.Command, err error) error {
	var hints []string
	var unknown *pflag.NotExistError
	if errors.As(err, &unknown) {
		hints = didYouMean("--", flagsLike(cmd, unknown.GetSpecifiedName()), "")
	}
	return &usageError{withHint(err, append(hints, cmd.CommandPath()+" --help explains the flags")...)}
}

// flagsLike lets cobra judge which flags were meant, as it does for commands.
func flagsLike(cmd *cobra.Command, name string) []string {
	candidates := &cobra.Command{SuggestionsMinimumDistance: 2}
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		candidates.AddCommand(&cobra.Command{Use: f.Name, Run: func(*cobra.Command, []string) {}})
	})
	return candidates.SuggestionsFor(name)
}

func didYouMean(prefix string, names []string, otherwise string) []string {
	var hints []string
	for _, n := range names {
		hints = append(hints, "did you mean "+prefix+n+"?")
	}
	if hints == nil && otherwise != "" {
		hints = []string{otherwise}
	}
	return hints
}

// takes makes a wrong number of arguments a wrong usage, and says the right one.
func takes(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if err := check(cmd, args); err != nil {
			return &usageError{withHint(err, "usage: "+cmd.UseLine())}
		}
		return nil
	}
}
