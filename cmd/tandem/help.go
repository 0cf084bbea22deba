package main

import (
	"cmp"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// allFlags is the annotation of a command whose help lists every flag of the
// agent's file.
const allFlags = "all-flags"

// help prints what a command is for, how to call it and how it can end.
func help(cmd *cobra.Command, _ []string) {
	cmd.InitDefaultHelpFlag() // `tandem help plan` comes here without it, `tandem plan --help` with it
	var b strings.Builder
	b.WriteString(strings.TrimSpace(cmp.Or(cmd.Long, cmd.Short)) + "\n")
	if cmd.HasParent() {
		section(&b, "USAGE", "  "+cmd.UseLine())
		section(&b, "EXAMPLES", cmd.Example)
	} else {
		section(&b, "TRY", cmd.Example)
		section(&b, "USAGE", "  tandem COMMAND [flags]")
	}
	commands(&b, cmd)
	flags(&b, cmd)
	section(&b, "EXIT CODES", exitCodes())
	if cmd.HasAvailableSubCommands() {
		section(&b, "MORE", "  "+cmd.CommandPath()+" COMMAND --help explains a command.")
	}
	_, _ = io.WriteString(cmd.OutOrStdout(), b.String()) // a closed pipe is a reader who has seen enough
}

func section(b *strings.Builder, title, body string) {
	if body = strings.TrimRight(body, "\n"); body != "" {
		fmt.Fprintf(b, "\n%s\n%s\n", title, body)
	}
}

// commands lists the commands below cmd, group by group.
func commands(b *strings.Builder, cmd *cobra.Command) {
	for _, g := range append(cmd.Groups(), &cobra.Group{Title: "OTHER"}) {
		var lines strings.Builder
		for _, c := range cmd.Commands() {
			if c.GroupID == g.ID && (c.IsAvailableCommand() || c.Name() == "help") {
				fmt.Fprintf(&lines, "  %-*s  %s\n", cmd.NamePadding(), c.Name(), c.Short)
			}
		}
		section(b, g.Title, lines.String())
	}
}

// flags lists the command's own flags and those of the agent's file. The latter
// fill a page, one for every key, so only the agent's own help has them all.
func flags(b *strings.Builder, cmd *cobra.Command) {
	own := pflag.NewFlagSet("", pflag.ContinueOnError)
	cmd.NonInheritedFlags().VisitAll(func(f *pflag.Flag) {
		if cmd.HasParent() || f.Name == "help" {
			own.AddFlag(f)
		}
	})
	section(b, "FLAGS", own.FlagUsages())
	if cmd.HasParent() && cmd.GroupID == "" {
		return // version, help and completion read no configuration
	}
	if cmd.Annotations[allFlags] != "" {
		section(b, "AGENT FLAGS", cmd.Root().PersistentFlags().FlagUsages())
		return
	}
	few := pflag.NewFlagSet("", pflag.ContinueOnError)
	cmd.Root().PersistentFlags().VisitAll(func(f *pflag.Flag) {
		switch f.Name {
		case "config", "listen", "log-format", "log-level":
			few.AddFlag(f)
		}
	})
	section(b, "AGENT FLAGS", few.FlagUsages()+"  Every key of the agent's file is a flag too: tandem run --help has them all.")
}
