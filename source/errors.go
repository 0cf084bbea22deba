package source

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"sync"

	"tandem/internal/lib/plaintext"
	"tandem/reconciler/deploy"
)

// What an error of this package can be asked for with errors.Is. All errors that
// the remote is the cause of are also *deploy.TemporaryError with GitAway.
var (
	// ErrBranchMissing: the repository has no such branch, or is empty. Nothing is
	// desired then; what is live stays live.
	ErrBranchMissing = errors.New("branch missing")
	// ErrCredentials: the server asks for credentials, refuses those it got, or is
	// not the one whose key is pinned.
	ErrCredentials = errors.New("credentials refused")
	// ErrRefused: the server does not let the branch be pushed to.
	ErrRefused = errors.New("push refused")
	// ErrGone: the commit is neither in the cache nor at the head of a branch.
	ErrGone = errors.New("commit gone")
)

// What is told apart inside the package only.
var (
	// errRaced: somebody moved the branch since it was looked at.
	errRaced = errors.New("the branch moved")
	// errNoDir: the commit has no such directory.
	errNoDir = errors.New("directory missing")
	// errNoWay: what is asked for cannot be done, whoever tries.
	errNoWay = errors.New("not possible")
	// errLost: an older commit that is needed is nowhere to be had. The next head of
	// the branch will not bring it back.
	errLost error = &kindError{text: "commit lost", kind: ErrGone}
	// errLocked: refused, but by a lock that somebody holds at this moment.
	errLocked error = &kindError{text: "branch locked", kind: ErrRefused}
	// errForbidden: the credentials that are good for reading are not for pushing.
	errForbidden error = &kindError{text: "push forbidden", kind: ErrCredentials}
)

// damagedError: an object cannot be read as what its hash promises. It never
// leaves the package before the cache was replaced once.
type damagedError struct{ err error }

func (e *damagedError) Error() string { return e.err.Error() }
func (e *damagedError) Unwrap() error { return e.err }

func isDamaged(err error) bool {
	var d *damagedError
	return errors.As(err, &d)
}

// kindError gives an error one of the sentinels above without repeating its text.
type kindError struct {
	text string
	kind error
}

func (e *kindError) Error() string { return e.text }
func (e *kindError) Unwrap() error { return e.kind }

func kindf(kind error, format string, args ...any) error {
	return &kindError{text: fmt.Sprintf(format, args...), kind: kind}
}

// errSanitizer is what every error passes on its way out of the package: it keeps
// the text, without secrets, and the sentinel, and lets go of the chain, whose
// links may print what they like.
type errSanitizer struct {
	address address

	mu      sync.Mutex
	secrets []string
}

// add makes a secret unprintable. A token may change between two calls, and an
// error of the older one may still be under way, so a few are remembered.
func (b *errSanitizer) add(secret string) {
	if secret == "" {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, s := range b.secrets {
		if s == secret {
			return
		}
	}
	b.secrets = append(b.secrets, secret)
	if len(b.secrets) > 8 {
		b.secrets = b.secrets[1:]
	}
}

func (b *errSanitizer) redact(text string) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, s := range b.secrets {
		for _, form := range []string{s, url.PathEscape(s), url.QueryEscape(s), url.UserPassword("", s).String()[1:]} {
			text = strings.ReplaceAll(text, form, "xxxxx")
		}
	}
	return text
}

// away turns an error of the remote into one that says what was asked of whom.
func (b *errSanitizer) away(verb string, err error) error {
	var withheld *withheldError
	if errors.As(err, &withheld) {
		return b.unverified(withheld)
	}
	return &deploy.TemporaryError{Reason: deploy.GitAway, Err: b.plain(verb, err)}
}

// unverified says why a commit changes nothing. The text holds words of that
// commit.
func (b *errSanitizer) unverified(err *withheldError) error {
	return &deploy.TemporaryError{Reason: deploy.Unverified, Err: errors.New(printable(b.redact(err.text)))}
}

// plain is away for an error that is not the remote's fault.
func (b *errSanitizer) plain(verb string, err error) error {
	text := fmt.Sprintf("%s %s: %s", verb, b.address, printable(b.redact(err.Error())))
	for _, kind := range []error{
		context.Canceled, context.DeadlineExceeded, ErrBranchMissing, ErrCredentials, ErrRefused, ErrGone,
	} {
		if errors.Is(err, kind) {
			return &kindError{text: text, kind: kind}
		}
	}
	return errors.New(text)
}

// printable makes the words of a server fit for a terminal, a log and one line.
func printable(s string) string { return plaintext.Clip(plaintext.Line(s), 2000) }
