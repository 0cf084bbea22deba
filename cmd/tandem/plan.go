package main

import (
	"io"
	"log/slog"
	"strings"

	"github.com/spf13/cobra"

	"tandem/internal/agent"
	"tandem/reconciler/deploy"
)

func newPlan(s *settings) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "plan",
		GroupID: groupAsk,
		Short:   "Show what would be done, and why, and do nothing",
		Long: `Show what the agent would do now, and why, without doing it. The exit code is that
of the app that needs a person most: 1 when something could not be found out, 3
when a release is held or its files are refused, 2 when something would be done,
0 when every app is as desired.`,
		Example: `  tandem plan --repo-url /path/to/repo.git
  tandem plan -o json`,
		Args: takes(cobra.NoArgs),
	}
	format := outputFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		a, err := s.agent(cmd, slog.LevelWarn)
		if err != nil {
			return err
		}
		plans, err := a.Plan(cmd.Context())
		if err != nil {
			return err
		}
		views := make([]planView, len(plans))
		for i, p := range plans {
			views[i] = viewOf(p)
		}
		if err := show(cmd.OutOrStdout(), format, views, func(w io.Writer) error { return writePlans(w, plans) }); err != nil {
			return err
		}
		return ended(codeOfPlans(plans))
	}
	return cmd
}

// planView is the form of a plan for other programs.
type planView struct {
	App     string               `yaml:"app" json:"app"`
	Desired deploy.StatusDesired `yaml:"desired" json:"desired"`
	Live    *deploy.StatusLive   `yaml:"live,omitempty" json:"live,omitempty"`
	Reason  deploy.Reason        `yaml:"reason" json:"reason"`
	Message string               `yaml:"message" json:"message"`
	Steps   []stepView           `yaml:"steps" json:"steps"`
	Errors  []string             `yaml:"errors,omitempty" json:"errors,omitempty"`
}

type stepView struct {
	Action  deploy.Action `yaml:"action" json:"action"`
	Color   deploy.Color  `yaml:"color" json:"color"`
	Release string        `yaml:"release,omitempty" json:"release,omitempty"` // tag+hash
}

func viewOf(p agent.AppPlan) planView {
	v := planView{App: p.App, Desired: p.Desired, Live: p.Live, Reason: p.Reason, Message: p.Message, Errors: problems(p.Err)}
	v.Steps = make([]stepView, len(p.Steps)) // [] and not null, which scripts would trip over
	for i, s := range p.Steps {
		v.Steps[i] = stepView{s.Action, s.Color, s.Release.Text()}
	}
	return v
}

// problems lists what is in the way of an app, one mistake of its files each.
func problems(err error) []string {
	if err == nil {
		return nil
	}
	return strings.Split(err.Error(), "\n")
}

// writePlans prints an app's first step on the app's line and each further one
// below it.
func writePlans(w io.Writer, plans []agent.AppPlan) error {
	var rows []row
	for _, p := range plans {
		steps := p.Steps
		first := "nothing to do"
		if p.Err != nil {
			first = ""
		}
		if len(steps) > 0 {
			first, steps = steps[0].String(), steps[1:]
		}
		rows = append(rows, row{cells: []string{p.App, desiredCell(p.Desired), string(p.Reason), first}})
		for _, s := range steps {
			rows = append(rows, row{cells: []string{" ", " ", " ", s.String()}})
		}
		below := problems(p.Err)
		if p.Message != "" && len(below) == 0 {
			below = []string{p.Message}
		}
		rows[len(rows)-1].below = strings.Join(below, "\n")
	}
	return writeTable(w, []string{"APP", "DESIRED", "REASON", "STEPS"}, rows)
}

func codeOfPlans(plans []agent.AppPlan) int {
	code := codeDone
	for _, p := range plans {
		code = worse(code, codeOfPlan(p))
	}
	return code
}

func codeOfPlan(p agent.AppPlan) int {
	_, refused := deploy.AsFaults(p.Err)
	switch {
	case p.Err != nil && !refused:
		return codeFailed
	case refused, p.Reason == deploy.Held, p.Reason == deploy.NoRollbackTarget, p.Reason == deploy.Refused:
		return codeHeld
	case len(p.Steps) > 0:
		return codePending
	default:
		return codeDone
	}
}
