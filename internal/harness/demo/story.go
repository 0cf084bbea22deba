package demo

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"

	"tandem/internal/harness/load"
	"tandem/internal/harness/stage"
	"tandem/reconciler/deploy"
)

// story is one demo in the middle of being told.
type story struct {
	*stage.Stage
	*printer
	program    string
	keep       bool
	rate       float64 // requests a second
	manifest   manifest
	agent      *stage.Agent
	log        stage.Log
	load       *load.Runner // nil until there is something to load
	loadMark   int64        // of the log, when the load began
	lastStatus string       // as it was last read, for an error
}

// play tells everything after the stage is set.
func (s *story) play(ctx context.Context) error {
	for _, chapter := range []func(context.Context) error{
		s.firstDeploy, s.bumpUnderLoad, s.brokenRelease, s.revert, s.killedAgent, s.end,
	} {
		if err := errors.Join(chapter(ctx), s.err); err != nil {
			return err
		}
	}
	return nil
}

func (s *story) firstDeploy(ctx context.Context) error {
	s.chapter("The first deploy")
	s.say("Nothing runs yet. The repository says what should run, in one small file beside the Compose file:")
	s.command("cat " + s.App + "/tandem.yaml")
	desired, err := os.ReadFile(filepath.Join(s.Work, s.App, "tandem.yaml"))
	if err != nil {
		return err
	}
	s.show(string(desired))
	s.say("A push is a deploy:")
	mark := s.log.Size()
	if _, err := s.shell(ctx, "git add --all && git commit -qm 'Deploy "+first+"'", "git push -q"); err != nil {
		return err
	}
	if err := s.wait(ctx, "the generated Nginx files", func() error { return s.AddSite(ctx) }); err != nil {
		return err
	}
	s.print("\n")
	s.say("Once, a person includes the file that the agent generated in the Nginx site, and reloads Nginx. " +
		"From then on a switch needs no reload:")
	s.show(s.siteLines())
	if err := s.live(ctx, first); err != nil {
		return err
	}
	s.say("This is what the agent did, from its log, shortened:")
	s.show(logExcerpt(s.log.Since(mark), s.App))
	if err := s.answer(ctx, first); err != nil {
		return err
	}
	s.say("And it wrote back into the repository, on a branch of its own, what is true now:")
	return s.showStatus(ctx)
}

func (s *story) bumpUnderLoad(ctx context.Context) error {
	s.chapter("A new tag, under load")
	s.say("From here on to the end, 32 clients send %.0f GET and POST requests a second over kept-alive connections, "+
		"and never try one twice; 5 WebSockets are held open. In the middle of that, somebody bumps the tag:", s.rate)
	var err error
	s.loadMark = s.log.Size()
	if s.load, err = load.Run(ctx, load.Options{URL: s.URL(), PostEvery: 4, WebSockets: 5, Rate: s.rate}); err != nil {
		return err
	}
	mark := s.log.Size()
	if err := s.deploy(ctx, bump); err != nil {
		return err
	}
	if err := s.live(ctx, bump); err != nil {
		return err
	}
	s.say("The new release was started beside the old one, proved healthy, and then given the traffic in one step:")
	s.show(logExcerpt(s.log.Since(mark), s.App))
	if err := s.answer(ctx, bump); err != nil {
		return err
	}
	if err := s.showStatus(ctx); err != nil {
		return err
	}
	return s.sofar()
}

func (s *story) brokenRelease(ctx context.Context) error {
	s.chapter("A release that is broken")
	s.say("Release %s starts, but its health page answers 500. Nobody knows yet, and it is pushed:", broken)
	mark := s.log.Size()
	if err := s.deploy(ctx, broken); err != nil {
		return err
	}
	if err := s.held(ctx, broken); err != nil {
		return err
	}
	s.say("It was given %s to become healthy, did not, and is rejected. The traffic never moved:", gateLimit)
	s.show(logExcerpt(s.log.Since(mark), s.App))
	s.say("The status says what is wrong, with the last lines that the broken containers logged:")
	if err := s.showStatus(ctx); err != nil {
		return err
	}
	if n := s.load.Report().Tag(broken); n > 0 {
		return fmt.Errorf("%d requests were answered by the broken release", n)
	}
	s.say("Requests answered by %s: 0.", broken)
	return s.sofar()
}

func (s *story) revert(ctx context.Context) error {
	s.chapter("Git is the way back")
	s.say("The bad commit is taken back like any other. %s is live already, so nothing has to happen:", bump)
	before, err := s.containers(ctx)
	if err != nil {
		return err
	}
	if _, err := s.shell(ctx, "git revert --no-edit HEAD", "git push -q"); err != nil {
		return err
	}
	s.print("\n")
	if err := s.live(ctx, bump); err != nil {
		return err
	}
	if err := s.untouched(ctx, before); err != nil {
		return err
	}
	s.say("Then the repaired release is pushed and goes live, and after all the old one was better. " +
		"It still runs, warm, in the other color:")
	if err := s.deploy(ctx, repaired); err != nil {
		return err
	}
	if err := s.live(ctx, repaired); err != nil {
		return err
	}
	s.say("That is live now. Suppose the old one was better after all: it still runs, warm, in the other color.")
	return s.instantRevert(ctx)
}

// instantRevert returns to a release that still runs, and measures it.
func (s *story) instantRevert(ctx context.Context) error {
	before, err := s.containers(ctx)
	if err != nil {
		return err
	}
	if _, err := s.shell(ctx, "git revert --no-edit HEAD"); err != nil {
		return err
	}
	mark := s.log.Size()
	took, err := s.untilAnswered(ctx, bump, func() error {
		_, err := s.shell(ctx, "git push -q")
		return err
	})
	if err != nil {
		return err
	}
	s.print("\n")
	if err := s.live(ctx, bump); err != nil {
		return err
	}
	if err := s.untouched(ctx, before); err != nil {
		return err
	}
	s.say("%s answered again %d ms after `git push` was started. No container was created, started or stopped: "+
		"all %d have the ids and start times that they had before.", bump, took.Milliseconds(), len(before))
	s.show(logExcerpt(s.log.Since(mark), s.App))
	if err := s.showStatus(ctx); err != nil {
		return err
	}
	return s.sofar()
}

// untouched compares the containers with those that there were.
func (s *story) untouched(ctx context.Context, before map[string]string) error {
	after, err := s.containers(ctx)
	if err != nil {
		return err
	}
	if !maps.Equal(before, after) {
		return fmt.Errorf("containers were touched by a revert:\nbefore %v\nafter  %v", before, after)
	}
	return nil
}

func (s *story) killedAgent(ctx context.Context) error {
	s.chapter("The agent is killed in the middle of a deploy")
	s.say("Another release is pushed. The moment its containers are up, before anything is known of their health, " +
		"the agent gets SIGKILL:")
	mark := s.log.Size()
	if err := s.deploy(ctx, last); err != nil {
		return err
	}
	err := s.wait(ctx, last+" being up", func() error {
		if !s.logged(mark, "step done", "step=up", "tag="+last) {
			return errors.New("the log does not say so")
		}
		return nil
	})
	if err != nil {
		return err
	}
	pid := s.agent.PID()
	if err := s.agent.Kill(); err != nil {
		return err
	}
	s.command(fmt.Sprintf("kill -9 %d", pid))
	s.show(logExcerpt(s.log.Since(mark), s.App))
	s.say("Traffic does not need the agent, so nobody notices. It is started again, looks at what there is, and goes on:")
	mark = s.log.Size()
	s.command("tandem run --config " + s.configPath())
	if err := s.startAgent(); err != nil {
		return err
	}
	if err := s.live(ctx, last); err != nil {
		return err
	}
	s.show(logExcerpt(s.log.Since(mark), s.App))
	if err := s.answer(ctx, last); err != nil {
		return err
	}
	if err := s.showStatus(ctx); err != nil {
		return err
	}
	s.say("And this is the whole story once more, as the agent tells it:")
	return s.tandem(ctx, "history", s.App, "--listen", s.Config().Listen)
}

func (s *story) end(ctx context.Context) error {
	s.chapter("What it cost")
	o := judge(s.load.Stop(), s.log.Since(s.loadMark))
	s.table(o.rows())
	if err := ctx.Err(); err != nil {
		return err // a load that was cut short proves nothing
	}
	return o.err()
}

// sofar says what the load has seen up to now.
func (s *story) sofar() error {
	o := judge(s.load.Report(), s.log.Since(s.loadMark))
	s.say("So far: %d requests, %d failed; flips: %d.", o.Requests, o.Failed, o.flips)
	return o.err()
}

// deploy changes the tag and nothing else, as a person or a CI job would.
func (s *story) deploy(ctx context.Context, tag string) error {
	_, err := s.shell(ctx,
		fmt.Sprintf(`sed -i 's/^tag: .*/tag: "%s"/' %s/tandem.yaml`, tag, s.App),
		"git commit -qam 'Deploy "+tag+"'", "git push -q")
	s.print("\n")
	return err
}

// live waits until the newest commit is live with the tag, its watch passed.
func (s *story) live(ctx context.Context, tag string) error {
	return s.until(ctx, tag+" being live", func(st deploy.Status) error {
		if st.Phase != deploy.PhaseLive || st.Live == nil || st.Live.Tag != tag {
			return fmt.Errorf("phase %s (%s)", st.Phase, st.Reason)
		}
		return nil
	})
}

// held waits until the newest commit is rejected.
func (s *story) held(ctx context.Context, tag string) error {
	return s.until(ctx, tag+" being rejected", func(st deploy.Status) error {
		if st.Phase != deploy.PhaseHeld || !strings.Contains(st.Message, tag) {
			return fmt.Errorf("phase %s (%s)", st.Phase, st.Reason)
		}
		return nil
	})
}
