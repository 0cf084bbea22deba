package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"tandem/internal/validate"
	"tandem/reconciler/deploy"
)

func newValidate(s *settings) *cobra.Command {
	output := &choice{value: "table", allowed: []string{"table", "json", "compose"}}
	cmd := &cobra.Command{
		Use:     "validate [PATH…]",
		GroupID: groupAsk,
		Short:   "Check tandem.yaml and Compose files, and show what becomes of them",
		Long: `Check every tandem.yaml at or below each PATH (the current directory when there is
none), and the Compose files that it names, exactly as the agent would before it
deploys; with --config, the agent's own file too. It shows what becomes of each
service, and every change that is made for it; -o compose prints the projects as
Compose files. Every fault is printed as "file:line: what is wrong and what to write
instead". In a Git work tree it judges what git has, and says what it left out. It
needs no agent, no Docker and no Nginx, so it fits a CI job. It exits 1 when a file
has a fault, and 78 when the agent's own file has one.`,
		Example: `  tandem validate
  tandem validate apps/shop apps/blog/tandem.yaml
  tandem validate -o compose
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
			report, err := validate.Files(cmd.Context(), validate.Options{Paths: args, Policy: cfg.Policy.Allow, Own: cfg.OwnPorts(), Ports: cfg.Docker.Ports, Apps: cfg.Apps, PolicyKnown: s.knowsHost() || len(cfg.Policy.Allow) > 0})
			if err != nil {
				return err
			}
			return writeReport(cmd.OutOrStdout(), output, report)
		},
	}
	cmd.Flags().VarP(output, "output", "o", "how to print")
	return cmd
}

// writeReport prints what was found out, and is an error when a file has a fault.
func writeReport(w io.Writer, format *choice, r validate.Report) error {
	var err error
	switch format.value {
	case "json":
		err = show(w, format, reportJSON(r), nil)
	case "compose":
		err = writeProjects(w, r)
	default:
		err = writeTables(w, r)
	}
	if err == nil && len(r.Faults) > 0 {
		err = fmt.Errorf("%s in %s", count(len(r.Faults), "fault"), count(r.Checked, "app"))
	}
	return err
}

// writeTables prints what becomes of each service, and the changes. Where a file has a fault,
// that is all there is to read.
func writeTables(w io.Writer, r validate.Report) error {
	if len(r.Faults) > 0 {
		return writeFaults(w, r)
	}
	for _, app := range r.Apps {
		if _, err := fmt.Fprintf(w, "%s\n", printable(app.Name)); err != nil {
			return err
		}
		var rows []row
		for _, s := range app.Services {
			image := s.Image
			if s.Build != "" {
				image = "built from " + s.Build
			}
			rows = append(rows, row{cells: []string{"  " + s.Name, string(s.Group), image, strings.Join(s.Ports, ", "), strings.Join(s.Volumes, ", ")}})
		}
		if err := writeTable(w, []string{"  SERVICE", "GROUP", "IMAGE", "PORTS", "VOLUMES"}, rows); err != nil {
			return err
		}
		for _, n := range app.Notes {
			if _, err := fmt.Fprintf(w, "  %s\n", printable(noteText(n))); err != nil {
				return err
			}
		}
		if _, err := fmt.Fprintln(w); err != nil {
			return err
		}
	}
	return writeFaults(w, r)
}

func writeFaults(w io.Writer, r validate.Report) error {
	for _, n := range r.LeftOut {
		if _, err := fmt.Fprintln(w, printable(noteText(n))); err != nil {
			return err
		}
	}
	for _, f := range r.Faults {
		if _, err := fmt.Fprintln(w, printable(f.String())); err != nil {
			return err
		}
	}
	if len(r.Faults) > 0 {
		return nil
	}
	_, err := fmt.Fprintf(w, "%s checked, no fault\n", count(r.Checked, "app"))
	return err
}

func noteText(n deploy.Note) string { return deploy.Fault(n).String() }

// writeProjects prints the projected Compose files, one YAML document a project.
func writeProjects(w io.Writer, r validate.Report) error {
	first := true
	for _, app := range r.Apps {
		for _, name := range slices.Sorted(maps.Keys(app.Projects)) {
			separator := "---\n"
			if first {
				separator, first = "", false
			}
			if _, err := fmt.Fprintf(w, "%s# %s\n%s", separator, printable(name), indented(app.Projects[name], "")); err != nil {
				return err
			}
		}
	}
	for _, f := range r.Faults {
		if _, err := fmt.Fprintf(w, "# %s\n", printable(f.String())); err != nil {
			return err
		}
	}
	return nil
}

// The forms of -o json. They are a promise to scripts.
type (
	jsonReport struct {
		Apps   []jsonApp  `json:"apps"`
		Faults []jsonNote `json:"faults"`
	}
	jsonApp struct {
		App      string        `json:"app"`
		Services []jsonService `json:"services"`
		Notes    []jsonNote    `json:"notes"`
	}
	jsonService struct {
		Name    string   `json:"name"`
		Group   string   `json:"group"`
		Image   string   `json:"image"`           // empty where it is built: its name has the commit in it
		Build   string   `json:"build,omitempty"` // the directory that it is built from
		Ports   []string `json:"ports"`
		Volumes []string `json:"volumes"`
	}
	jsonNote struct {
		File string `json:"file"`
		Line int    `json:"line"`
		Path string `json:"path"`
		Text string `json:"text"`
	}
)

func reportJSON(r validate.Report) jsonReport {
	out := jsonReport{Apps: []jsonApp{}, Faults: []jsonNote{}}
	for _, app := range r.Apps {
		a := jsonApp{App: app.Name, Services: []jsonService{}, Notes: []jsonNote{}}
		for _, s := range app.Services {
			// An empty list is [], not null.
			a.Services = append(a.Services, jsonService{s.Name, string(s.Group), s.Image, s.Build, append([]string{}, s.Ports...), append([]string{}, s.Volumes...)})
		}
		for _, n := range app.Notes {
			a.Notes = append(a.Notes, jsonNote(n))
		}
		out.Apps = append(out.Apps, a)
	}
	for _, f := range r.Faults {
		out.Faults = append(out.Faults, jsonNote(f))
	}
	return out
}

func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
