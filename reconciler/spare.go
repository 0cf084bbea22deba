package reconciler

import (
	"context"
	"errors"
	"time"
)

// unfitTime is how long a standby that failed its proof as a spare is left alone:
// its trouble may be over then, and a proof takes what the gate is given.
const unfitTime = time.Minute

// proof is how one instance of a stack stood its proof as a spare.
type proof struct {
	instance string // Stack.Instance
	fitness  Fitness
	until    time.Time // of Unfit
}

// spareState asks the running Nginx.
func (r *Runner) spareState(ctx context.Context, app App) (SpareState, error) {
	if !r.Spare.Spares() {
		return NoSpare, nil
	}
	armed, err := r.Spare.Armed(ctx, app)
	switch {
	case err != nil:
		return NoSpare, err
	case armed:
		return Armed, nil // also where the policy has none any more: then it has to go
	case app.Standby.Spare == SpareOff:
		return NoSpare, nil
	default:
		return Disarmed, nil
	}
}

func (r *Runner) fitnessOf(s Stack, w *world) Fitness {
	p, ok := r.proofs[s.Color]
	if !ok || p.instance != s.Instance() {
		return Unproven
	}
	if p.fitness == Unfit {
		if !r.Now().Before(p.until) {
			return Unproven
		}
		w.at(p.until)
	}
	return p.fitness
}

// arm proves the standby and lets it answer what the live stack cannot. A standby
// that fails is no spare now, and that is no verdict on its release.
func (r *Runner) arm(ctx context.Context, app, of App, w world, s Step) error {
	stack, err := r.gateOf(of, s.Color).pass(ctx)
	var bad *RejectError
	if errors.As(err, &bad) {
		r.proofs[s.Color] = proof{w.of(s.Color).Instance(), Unfit, r.Now().Add(unfitTime)}
		return &unfitError{bad}
	}
	if err != nil {
		return err
	}
	r.proofs[s.Color] = proof{instance: stack.Instance(), fitness: Fit}
	return r.setSpare(ctx, app, w, true)
}

// setSpare is not cut short: a spare that is half disarmed could answer while it
// is being replaced.
func (r *Runner) setSpare(ctx context.Context, app App, w world, on bool) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), flipTime)
	defer cancel()
	return r.Spare.Arm(ctx, r.routing(app, &w), on)
}

// unfitError says that the standby cannot be a spare now. It ends no pass.
type unfitError struct{ why *RejectError }

func (e *unfitError) Error() string { return "the standby is no spare: " + e.why.Error() }
