package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"tandem/internal/validate"
	"tandem/reconciler/deploy"
)

func newValidate(s *settings) *cobra.Command {
	return &cobra.Command{
		Use:     "validate [PATH…]",
		GroupID: groupAsk,
		Short:   "Check tandem.yaml and Compose files as the agent would",
		Long: `Check every tandem.yaml at or below each PATH (the current directory when there is
none), and the Compose files that it names, exactly as the agent would before it
deploys; with --config, the agent's own file too. Every fault is printed as
"file:line: what is wrong and what to write instead". It needs no agent, no Docker
and no Nginx, so it fits a CI job. It exits 1 when a file has a fault, and 78 when
the agent's own file has one.`,
		Example: `  tandem validate
  tandem validate apps/shop apps/blog/tandem.yaml
  tandem validate --config /etc/tandem/agent.yaml`,
		RunE: func(cmd *cobra.Command, args []string) error {
			load := s.loadLocal
			if s.path != "" {
				load = s.load // a file that is named is to be checked as well
			}
			cfg, err := load()
			if err != nil {
				return err
			}
			if len(args) == 0 {
				args = []string{"."}
			}
			faults, notes, checked, err := validate.Files(cmd.Context(), args, cfg.Policy.Allow, cfg.OwnPorts(), cfg.Docker.Ports)
			if err != nil {
				return err
			}
			for _, n := range notes {
				if _, err := fmt.Fprintln(cmd.OutOrStdout(), printable("note: "+n.String())); err != nil {
					return err
				}
			}
			return writeFaults(cmd.OutOrStdout(), faults, checked)
		},
	}
}

func writeFaults(w io.Writer, faults []deploy.Fault, checked int) error {
	for _, f := range faults {
		if _, err := fmt.Fprintln(w, printable(f.String())); err != nil {
			return err
		}
	}
	if len(faults) > 0 {
		return fmt.Errorf("%s in %s", count(len(faults), "fault"), count(checked, "app"))
	}
	_, err := fmt.Fprintf(w, "%s checked, no fault\n", count(checked, "app"))
	return err
}

func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
