package secrets

import (
	"errors"

	"tandem/reconciler/deploy"
)

// Error returns err, or where its text has a value in it, an error that reads the
// same without. That one is still what err was for errors.Is, and for errors.As as
// the errors that the reconciler tells apart; anything else can no longer be taken
// out of it, because it could have the value in it.
func (r *Redactor) Error(err error) error {
	if err == nil {
		return nil
	}
	text := err.Error()
	clean := r.Hide(text)
	var bad *deploy.RejectError
	if clean == text && (!errors.As(err, &bad) || r.Hide(bad.Logs) == bad.Logs) {
		return err
	}
	return &redacted{err: err, text: clean, r: r}
}

type redacted struct {
	err  error
	text string
	r    *Redactor
}

func (e *redacted) Error() string { return e.text }

// Is implements what errors.Is looks for.
func (e *redacted) Is(target error) bool { return errors.Is(e.err, target) }

// As implements what errors.As looks for.
func (e *redacted) As(target any) bool {
	switch to := target.(type) {
	case **deploy.RejectError:
		if !errors.As(e.err, to) {
			return false
		}
		clean := **to
		clean.Detail, clean.Logs = e.r.Hide(clean.Detail), e.r.Hide(clean.Logs)
		*to = &clean
	case **deploy.TemporaryError:
		if !errors.As(e.err, to) {
			return false
		}
		*to = &deploy.TemporaryError{Reason: (*to).Reason, Err: e.r.Error((*to).Err)}
	case *deploy.Faults:
		if !errors.As(e.err, to) {
			return false
		}
		clean := make(deploy.Faults, len(*to))
		for i, f := range *to {
			f.Text = e.r.Hide(f.Text)
			clean[i] = f
		}
		*to = clean
	default:
		return false
	}
	return true
}
