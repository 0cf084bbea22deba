package e2e

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"testing"

	"tandem/internal/config"
	"tandem/internal/harness/stage"
	"tandem/internal/harness/testbed/tb"
	"tandem/reconciler/deploy"
)

// A tandem.yaml without ports, beside a Compose file that publishes a fixed one, as it does
// on a laptop. The first port of the range is a program's.
func TestChosenPorts_StayOverBumpsAndALostState(t *testing.T) {
	t.Parallel()
	w := newStage(t, stage.Options{})
	put(t, filepath.Join(w.Work, w.App, "compose.yaml"), `"127.0.0.1:${API_PORT}:3000"`, `"3000:3000"`)
	first := 21000 + 10*rand.N(90)
	newPrivate(t, "127.0.0.1", first)
	w.configure(func(c *config.Config) { c.Docker.Ports = deploy.PortRange{First: first, Last: first + 9} })
	w.start()
	for _, tag := range []string{"1.0.0", "1.1.0", "1.2.0"} {
		w.build(tag)
	}
	desired := func(tag string, color deploy.Color) stage.Desired {
		return stage.Desired{Tag: tag, Color: string(color), NoPorts: true}
	}
	commit := w.push(desired("1.0.0", deploy.Blue))
	w.addSite()
	ports := w.live(commit, "1.0.0", deploy.Blue).Ports["api"]
	for _, c := range deploy.Colors() {
		if port := ports.Of(c); port <= first || port > first+9 {
			t.Errorf("%s has port %d, want one from %d to %d", c, port, first+1, first+9)
		}
	}
	w.publishes("blue", ports.Blue)

	traffic := w.traffic()
	w.live(w.push(desired("1.1.0", deploy.Green)), "1.1.0", deploy.Green)
	w.publishes("green", ports.Green)
	bumped := w.live(w.push(desired("1.2.0", deploy.Blue)), "1.2.0", deploy.Blue)
	before := w.containers()
	t.Log("the state directory is lost")
	w.stop()
	if err := os.RemoveAll(w.Config().State); err != nil {
		t.Fatal(err)
	}
	w.start()
	again := w.until("live without a memory", func(s deploy.Status) error {
		if len(s.History) != 1 {
			return fmt.Errorf("it tells of %d deploys, and knows of one: that it found the release live", len(s.History))
		}
		return isLive(s, bumped.Desired.Commit, "1.2.0", deploy.Blue)
	})
	if again.Ports["api"] != ports {
		t.Errorf("the ports were %v and are %v", ports, again.Ports["api"])
	}
	w.live(w.revert(), "1.1.0", deploy.Green)
	if after := w.containers(); !maps.Equal(before, after) {
		t.Errorf("with the same ports it is the same release, and no container is touched: they were %v and are %v", before, after)
	}
	w.unharmed(traffic)
}

// publishes waits until the color's container publishes the port, on loopback alone.
func (w *world) publishes(color string, port int) {
	w.t.Helper()
	tb.Until(w.t, patience, fmt.Sprintf("%s publishes %d", color, port), func() error {
		for _, bindings := range w.service(color, "api").NetworkSettings.Ports {
			for _, b := range bindings {
				if net.JoinHostPort(b.HostIP, b.HostPort) == fmt.Sprintf("127.0.0.1:%d", port) && len(bindings) == 1 {
					return nil
				}
			}
		}
		return fmt.Errorf("it publishes %v", w.service(color, "api").NetworkSettings.Ports)
	})
}
