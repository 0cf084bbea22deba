package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"tandem/internal/config"
	"tandem/internal/harness/load"
)

// measureSwitches counts the requests that a switch between two releases costs,
// with both of them up wherever that is possible.
func (b *bench) measureSwitches(ctx context.Context) (_ section, err error) {
	all, err := b.candidates(ctx)
	defer func() {
		for _, c := range all {
			err = errors.Join(err, c.Close(context.WithoutCancel(ctx)))
		}
	}()
	if err != nil {
		return section{}, err
	}
	s := section{
		intro: `Two releases in turn, under 1,000 requests a second (three GET, one POST) over
kept-alive connections that never retry, and 5 WebSockets. A request has failed when
it was reset, ended without an answer, or was not answered with a 2xx.`,
		header: []string{"way", "connections", "switches", "requests", "failed", "failed per switch", "longest gap", "WebSockets cut"},
	}
	for _, connections := range b.connections {
		scores := make([]score, len(all))
		for range b.rounds {
			for i, c := range all {
				n := b.switches / b.rounds
				if c.Name() == inPlaceName {
					n = max(1, b.inPlace/b.rounds)
				}
				if err := scores[i].take(ctx, c, connections, n); err != nil {
					return section{}, err
				}
				b.say("  %d connections: %s: %d switches, %d failed so far", connections, c.Name(), scores[i].switches, scores[i].failed)
			}
		}
		for i, c := range all {
			s.rows = append(s.rows, scores[i].row(c.Name(), connections))
		}
	}
	s.notes = []string{
		"Both releases of tandem and of the script are up all the time, so that a switch is a switch and no deploy. In place there is no such thing: the container is replaced, which is why it is done less often.",
		"The script is [deploy.sh](../internal/harness/bench/deploy.sh). It is asked by running it, tandem by a push.",
	}
	return s, nil
}

// ways are those who switch, in the order of the rows.
var ways = []string{"flip", "reload", "script", "place"}

const inPlaceName = "`docker compose up -d` in place"

// candidates sets all of them up. Those that it could are returned with an error, too.
func (b *bench) candidates(ctx context.Context) (all []candidate, err error) {
	set := map[string]func() (candidate, error){
		"flip":   func() (candidate, error) { return b.newTandem(ctx, config.SwitchFlip, "") },
		"reload": func() (candidate, error) { return b.newTandem(ctx, config.SwitchReload, "") },
		"script": func() (candidate, error) { return newScript(ctx, deployScript, "the script", name("script")) },
		"place":  func() (candidate, error) { return newScript(ctx, upScript, inPlaceName, name("place")) },
	}
	for _, way := range ways {
		if b.ways != "" && !slices.Contains(strings.Split(b.ways, ","), way) {
			continue
		}
		c, err := set[way]()
		if err != nil {
			return all, err
		}
		all = append(all, c)
	}
	return all, nil
}

// score is what a candidate came to in all rounds.
type score struct {
	switches         int
	requests, failed int64
	cut              int
	perSwitch        series // failed requests, of each round
	gap              series // seconds
}

func (s *score) take(ctx context.Context, c candidate, connections, switches int) error {
	r, err := turn(ctx, c, connections, switches)
	if err == nil {
		s.add(r, switches)
	}
	return err
}

func (s *score) add(r load.Report, switches int) {
	s.switches += switches
	s.requests += r.Requests
	s.failed += r.Failed
	s.cut += len(r.Early())
	s.perSwitch = append(s.perSwitch, float64(r.Failed)/float64(switches))
	s.gap = append(s.gap, r.LongestGap.Seconds())
}

func (s *score) row(name string, connections int) []string {
	return []string{
		name, fmt.Sprint(connections), fmt.Sprint(s.switches), fmt.Sprint(s.requests), fmt.Sprint(s.failed),
		s.perSwitch.text(plain), s.gap.text(seconds), fmt.Sprint(s.cut),
	}
}
