package demo

import (
	"errors"
	"fmt"
	"time"

	"tandem/internal/harness/load"
	"tandem/internal/harness/stage"
)

// outcome is what the load saw of the whole story.
type outcome struct {
	load.Report
	flips int
	cut   []load.Session // ended although their stack still served
	ended int            // ended when their stack was retired, after it was drained
}

// judge sorts the WebSockets that ended by what the log says of their stacks.
func judge(r load.Report, log []stage.LogLine) outcome {
	o := outcome{Report: r}
	for _, l := range log {
		if l.Is("step done", "step=flip") {
			o.flips++
		}
	}
	for _, s := range r.Early() {
		if drained(s, log) {
			o.ended++
		} else {
			o.cut = append(o.cut, s)
		}
	}
	return o
}

// drained tells whether the stack of a WebSocket was drained while it was open.
func drained(s load.Session, log []stage.LogLine) bool {
	for _, l := range log {
		if l.Is("step done", "step=drain", "color="+s.Answer.Color, "tag="+s.Answer.Tag) && l.At.After(s.Opened) && !l.At.After(s.Closed) {
			return true
		}
	}
	return false
}

// rows are the table at the end.
func (o outcome) rows() [][2]string {
	ms := func(d time.Duration) string { return d.Round(time.Millisecond).String() }
	return [][2]string{
		{"requests", fmt.Sprintf("%d (%d GET, %d POST), none of them tried twice", o.Requests, o.Requests-o.Posts, o.Posts)},
		{"failed", fmt.Sprint(o.Failed)},
		{"longest gap", ms(o.LongestGap) + " that any one connection waited for its next answer"},
		{"99 % took", "less than " + ms(o.P99)},
		{"flips", fmt.Sprint(o.flips)},
		{"WebSockets cut early", fmt.Sprint(len(o.cut))},
		{"WebSockets ended", fmt.Sprintf("%d, when their old stack was drained and its place was needed", o.ended)},
	}
}

// err is nil only when the story cost nobody anything.
func (o outcome) err() error {
	var errs []error
	if o.Requests == 0 {
		errs = append(errs, errors.New("no request was made, so nothing is shown"))
	}
	if o.Failed > 0 {
		errs = append(errs, fmt.Errorf("%d of %d requests failed: %v", o.Failed, o.Requests, o.Examples))
	}
	if o.Handshakes > 0 {
		errs = append(errs, fmt.Errorf("%d WebSockets could not be opened", o.Handshakes))
	}
	if len(o.cut) > 0 {
		errs = append(errs, fmt.Errorf("%d WebSockets were cut while their stack served: %v", len(o.cut), o.cut))
	}
	return errors.Join(errs...)
}
