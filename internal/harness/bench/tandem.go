package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"time"

	"tandem/internal/config"
	"tandem/internal/harness/stage"
	"tandem/internal/harness/testbed"
	"tandem/reconciler/deploy"
)

// policies are what tandem.yaml says beside the release: a watch that is over soon,
// because each release is as good as the one before it.
const policies = "watch: {for: 1s, max_p95: 1m, compare: limits}\ndrain: {timeout: 1s, websockets: 1s}\n"

// tandem is a candidate: the released program as a process of its own, told by
// pushes to a repository on this machine.
type tandem struct {
	*stage.Stage
	how      string // of switching, for the agent
	upstream string // the name that a site may pass to beside the variable
	asked    string
	agent    *stage.Agent
	log      stage.Log
}

// newTandem brings both of the releases up, the second one live.
func (b *bench) newTandem(ctx context.Context, how, upstream string) (_ *tandem, err error) {
	s, err := stage.New(ctx, stage.Options{App: name("tandem"), Switch: how, APIOnly: true})
	if err != nil {
		return nil, err
	}
	t := &tandem{Stage: s, how: how, upstream: upstream, log: stage.Log{Path: filepath.Join(s.Dir, "agent.log")}}
	defer func() {
		if err != nil {
			err = errors.Join(err, fmt.Errorf("the end of its log:\n%s", t.log.Tail(10)), t.Close(context.WithoutCancel(ctx)))
		}
	}()
	if t.agent, err = stage.StartAgent(b.program, s.Flags(), t.log, false); err != nil {
		return nil, err
	}
	for i, tag := range releases {
		if err := t.Build(ctx, tag); err != nil {
			return nil, err
		}
		if err := t.Deploy(ctx, tag); err != nil {
			return nil, err
		}
		if i == 0 {
			if err := testbed.Until(ctx, "generated files", func() error { return t.AddSite(ctx) }); err != nil {
				return nil, err
			}
		}
		if err := t.settled(ctx, tag); err != nil {
			return nil, err
		}
	}
	return t, nil
}

func (t *tandem) Name() string {
	if t.how == config.SwitchReload {
		return "tandem, `switch: reload`"
	}
	return "tandem, `switch: flip`"
}

// Deploy pushes the bump.
func (t *tandem) Deploy(ctx context.Context, tag string) error {
	t.asked = tag
	_, err := t.Push(ctx, "Deploy "+tag, stage.Desired{Tag: tag, More: policies, Upstream: t.upstream})
	return err
}

func (t *tandem) Asked() string { return t.asked }

// settled waits until the release has passed its watch.
func (t *tandem) settled(ctx context.Context, tag string) error {
	ctx, cancel := context.WithTimeoutCause(ctx, answerTime, fmt.Errorf("%s is not settled after %s", tag, answerTime))
	defer cancel()
	return testbed.Until(ctx, tag+" live", func() error {
		s, text, err := t.Published(ctx)
		if err != nil {
			return err
		}
		if s.Phase != deploy.PhaseLive || s.Reason != deploy.UpToDate || s.Live == nil || s.Live.Tag != tag {
			return fmt.Errorf("the status is\n%s", text)
		}
		return nil
	})
}

// livePort is where the live container listens.
func (t *tandem) livePort(ctx context.Context) (int, error) {
	s, _, err := t.Published(ctx)
	switch {
	case err != nil:
		return 0, err
	case s.Live == nil:
		return 0, errors.New("nothing is live")
	case s.Live.Color == deploy.Blue:
		return t.Ports.APIBlue, nil
	default:
		return t.Ports.APIGreen, nil
	}
}

// Close ends the agent and takes the stage down.
func (t *tandem) Close(ctx context.Context) error {
	var errs []error
	if t.agent != nil {
		errs = append(errs, t.agent.Stop(ctx))
	}
	return errors.Join(append(errs, t.Stage.Close(ctx))...)
}

// waitFor returns the line of the agent's log after the mark that has the message and the words.
func (t *tandem) waitFor(ctx context.Context, mark int64, message string, words ...string) (line stage.LogLine, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, answerTime, fmt.Errorf("no such line after %s", answerTime))
	defer cancel()
	err = testbed.Until(ctx, message, func() error {
		for _, l := range t.log.Since(mark) {
			if l.Is(message, words...) {
				line = l
				return nil
			}
		}
		return errors.New("the log has no such line")
	})
	return line, err
}

// duration is the time in seconds that a line of the log tells of a key.
func duration(l stage.LogLine, key string) (float64, error) {
	d, err := time.ParseDuration(l.Value(key))
	if err != nil {
		return 0, fmt.Errorf("read %q: %w", l.Text, err)
	}
	return d.Seconds(), nil
}

// name is one that no other run on this machine has.
func name(of string) string { return fmt.Sprintf("bench-%s-%06x", of, rand.N(1<<24)) }
