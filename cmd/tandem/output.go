package main

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/goccy/go-yaml"
	"github.com/spf13/cobra"

	"tandem/internal/lib/plaintext"
)

// choice is a flag that takes one of a few words.
type choice struct {
	value   string
	allowed []string
}

// String returns the word that was chosen.
func (c *choice) String() string { return c.value }

// Type is what the help shows in place of a value.
func (c *choice) Type() string { return strings.Join(c.allowed, "|") }

// Set takes one of the allowed words.
func (c *choice) Set(s string) error {
	if !slices.Contains(c.allowed, s) {
		return fmt.Errorf("want %s", strings.Join(c.allowed, ", "))
	}
	c.value = s
	return nil
}

// outputFlag adds -o to a command.
func outputFlag(cmd *cobra.Command) *choice {
	o := &choice{value: "table", allowed: []string{"table", "json", "yaml"}}
	cmd.Flags().VarP(o, "output", "o", "how to print")
	return o
}

// show prints v as format says; table prints it for people.
func show(w io.Writer, format *choice, v any, table func(io.Writer) error) error {
	switch format.value {
	case "json":
		data, err := json.MarshalIndent(v, "", "  ")
		if err != nil {
			return fmt.Errorf("print json: %w", err)
		}
		_, err = w.Write(append(plaintext.JSON(data), '\n'))
		return err
	case "yaml":
		data, err := yaml.MarshalWithOptions(v, yaml.UseLiteralStyleIfMultiline(true))
		if err != nil {
			return fmt.Errorf("print yaml: %w", err)
		}
		_, err = io.WriteString(w, indented(string(data), ""))
		return err
	default:
		return table(w)
	}
}

// row is one line of a table, and the text that belongs below it.
type row struct {
	cells []string
	below string
}

// writeTable aligns the cells. The text below a row does not widen its columns.
func writeTable(w io.Writer, header []string, rows []row) error {
	var aligned strings.Builder
	tab := tabwriter.NewWriter(&aligned, 0, 0, 2, ' ', 0)
	for _, r := range append([]row{{cells: header}}, rows...) {
		cells := make([]string, len(r.cells))
		for i, c := range r.cells {
			if cells[i] = printable(c); c == "" {
				cells[i] = "-"
			}
		}
		if _, err := fmt.Fprintln(tab, strings.Join(cells, "\t")); err != nil {
			return err
		}
	}
	if err := tab.Flush(); err != nil {
		return err
	}
	var b strings.Builder
	for i, line := range strings.Split(strings.TrimSuffix(aligned.String(), "\n"), "\n") {
		b.WriteString(strings.TrimRight(line, " ") + "\n")
		if i > 0 {
			b.WriteString(indented(rows[i-1].below, "    "))
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}
