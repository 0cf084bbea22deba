package main

import (
	"cmp"
	"errors"

	"github.com/spf13/cobra"

	"tandem/internal/config"
	"tandem/internal/scaffold"
)

func newInit(s *settings) *cobra.Command {
	var (
		compose     []string
		yes, dryRun bool
	)
	cmd := &cobra.Command{
		Use:     "init [DIR]",
		GroupID: groupStart,
		Short:   "Write a first tandem.yaml for a Compose file that you have",
		Long: `Read the Compose files of DIR (the current directory when it is not named), and
write a tandem.yaml beside them: what people reach, what exists once because it
keeps data, what is left out, and which paths tell whether the app is well. It asks
what only a person can know, with a guess that an empty line takes, and changes no
other file. Then it prints what is left to do on this host, each step as commands.

A tandem.yaml that is there already is only replaced when you say so; otherwise init
says what is still missing. It exits 3 when it would have had to ask for that.`,
		Example: `  cd /srv/shop && tandem init
  tandem init --yes --dry-run
  tandem init --compose compose.yaml --compose compose.prod.yaml /srv/shop`,
		Args: takes(cobra.MaximumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			dir := "."
			if len(args) > 0 {
				dir = args[0]
			}
			cfg := config.Default()
			if here, err := s.loadLocal(); err == nil { // else it is not for this user, or not right yet
				cfg = here
			}
			o := scaffold.Options{
				Dir: dir, Compose: compose, DryRun: dryRun, Out: escaped{cmd.OutOrStdout()},
				Host: scaffold.NewHost(cfg.Apps, cmp.Or(s.path, config.DefaultPath)),
			}
			o.Host.Docker, o.Host.Nginx = cfg.Docker.Host, cfg.Nginx.Command
			if !yes {
				if !isTerminal(cmd.InOrStdin()) {
					return &usageError{withHint(errors.New("there is no terminal to ask on"), "tandem init --yes takes what it guesses, and says it")}
				}
				o.Dialog = scaffold.NewDialog(cmd.InOrStdin(), escaped{cmd.ErrOrStderr()})
			}
			err := scaffold.Run(cmd.Context(), o)
			if errors.Is(err, scaffold.ErrExists) {
				return ended(codeHeld)
			}
			return err
		},
	}
	cmd.Flags().StringArrayVar(&compose, "compose", nil, "a Compose file, relative to DIR; may be given several times, later ones win")
	cmd.Flags().BoolVar(&yes, "yes", false, "ask nobody: take every guess, and say it")
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "print the file, and write nothing")
	return cmd
}
