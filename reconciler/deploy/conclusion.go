package deploy

import "time"

// Conclusion tells whether a watch is over, and what is to be said of it. With neither
// Passed nor Failed the watch goes on.
type Conclusion struct {
	Passed, Failed bool
	Why            string  // what the receipt says; empty while nothing is to be said
	Breach         *Breach // the figure of Failed; nil when too little is known
}

// Conclude applies the policy's times to a ruling, and what the policy says about a watch
// without a verdict. after is how long the release had been watched at the last look,
// looks and looked are how often and for how long this process has looked.
func Conclude(r Ruling, policy WatchPolicy, after time.Duration, looks int, looked time.Duration) Conclusion {
	over := after >= policy.For && looks >= BadLooks
	switch {
	case r.Verdict == Fail:
		return Conclusion{Failed: true, Why: r.Why, Breach: r.Breach}
	case !over:
		// Fewer looks than it takes to fail, after a restart of the agent say, must
		// not be enough to pass.
		return Conclusion{}
	case r.Verdict == Pass:
		return Conclusion{Passed: true, Why: warned(r.Why, r)}
	case r.Breach != nil:
		return Conclusion{} // the next look decides, or whether it stays slow
	case after < policy.Max, looked < min(policy.For, TrafficWindow):
		// An agent that was away gives its own probes time to become enough.
		return Conclusion{}
	default:
		return policy.inconclusive(warned(r.Why, r))
	}
}

// warned adds the warning of a ruling, if it has one.
func warned(why string, r Ruling) string {
	if r.Warning == "" {
		return why
	}
	return why + "; warning: " + r.Warning
}

func (p WatchPolicy) inconclusive(why string) Conclusion {
	say := func(did string) string {
		return "inconclusive: " + why + "; " + did + ", as watch.inconclusive says"
	}
	switch p.Inconclusive {
	case InconclusiveRevert:
		return Conclusion{Failed: true, Why: say("taken back")}
	case InconclusiveHold:
		return Conclusion{Why: say("watched on")}
	default:
		return Conclusion{Passed: true, Why: say("promoted")}
	}
}
