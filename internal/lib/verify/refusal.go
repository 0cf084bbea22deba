package verify

import "fmt"

// Why tells refusals apart.
type Why string

// Why a commit is refused.
const (
	Unsigned    Why = "unsigned"
	UnknownKey  Why = "unknown key" // good or not, the key is not listed
	NotAllowed  Why = "not allowed" // the key is listed, but not for signing commits
	Expired     Why = "expired"     // the key or the signature; also one that is not valid yet
	Revoked     Why = "revoked"     // the key
	Tampered    Why = "tampered"    // the signature does not fit the content
	Unsupported Why = "unsupported" // a kind of signature or of commit that is not read
)

// Refusal says why a commit does not count as signed.
type Refusal struct {
	Why  Why
	Text string // one sentence without a subject: "it is not signed"
}

func (e *Refusal) Error() string { return e.Text }

func refuse(why Why, format string, args ...any) error {
	return &Refusal{Why: why, Text: fmt.Sprintf(format, args...)}
}
