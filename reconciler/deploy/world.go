package deploy

import (
	"net/netip"
	"time"
)

// Revision is the watched branch at one commit: the newest, or the last one that
// was verified.
type Revision struct {
	Commit Commit
	Files  []AppFile // sorted by Dir; empty when the repository has no app
	// Withheld says why the newest commit of the branch is not this one; nil when it
	// is. Its text is the same for as long as the trouble is.
	Withheld error
}

// AppFile is one tandem.yaml as it stands in a Revision.
type AppFile struct {
	Dir    string // slash-separated, "." for the repository's root
	Path   string // of the tandem.yaml itself
	Tree   string // hash of the directory's Git tree, without a status file that tandem wrote into it
	Commit Commit // the revision's commit
	Data   []byte // the file's content; nil when it is larger than MaxFileSize
}

// MaxFileSize is the size in bytes up to which a tandem.yaml is read.
const MaxFileSize = 1 << 20

// Endpoint is where the containers of one route and color are reached from the networks
// that they are on.
type Endpoint struct {
	Host      string                // the container's name, which Docker's name server knows
	Port      int                   // inside the container
	Addresses map[string]netip.Addr // by the network's name; empty: the container does not run
}

// Start is what Up has to know beside what it is to bring up.
type Start struct {
	// Was names the containers that are known to lack nothing, and tells whether what runs
	// once has run.
	Was Started
	// Await lets Up wait, for app.Gate.Timeout at most, until the shared stack is ready, and
	// hears what it waits for. nil: what Docker has started of it is enough.
	Await func(words string)
}

// Probe is the answer to one question.
type Probe struct {
	Status   int           // 0 when there was no answer
	Took     time.Duration // until the whole header was read
	Err      error         // why there was no answer
	Host     string        // the name that the app was asked under; empty: not known
	Location string        // where a redirect leads, as the app wrote it
}

// Connections are those that are open from Nginx to one stack.
type Connections struct {
	Requests   int // requests in flight, and connections that Nginx keeps for the next one for a second
	WebSockets int // where they can be told apart; else they are among Requests
}

// Idle tells whether there is none.
func (c Connections) Idle() bool { return c == Connections{} }

// Traffic is a sum of requests to one color.
type Traffic struct {
	Requests int           // people's: the agent's own probes are not among them
	Errors   int           // of Requests, answered with 5xx
	P95      time.Duration // of the time that the stack took for them; 0 when there is none
	Probes   int           // the agent's own: when it made some and the log has none, the log is not to be believed
}

// Usage is what the containers of a stack use.
type Usage struct {
	Memory  int64         // bytes, without what the kernel would give back at once
	CPU     time.Duration // that they have used since they were started
	Started time.Time     // when the first of them was started; zero when none runs
	// NearestToLimit names the container that is closest to its own memory limit, if one has
	// such a limit, and Share is how much of the limit it uses, 0 to 1.
	NearestToLimit string
	Share          float64
}

// Image is an image as this app pulled it.
type Image struct {
	Ref    string `json:"ref"`    // as the Compose file names it: "registry.example.com/shop:1.4.2"
	ID     string `json:"id"`     // the engine's: "sha256:…"
	Digest string `json:"digest"` // in its registry: "sha256:…"; empty when it was never in one
}

// RevertRefusedError says that the watched branch does not accept a commit of
// the agent's: it is protected. Trying again is pointless.
type RevertRefusedError struct{ Words string } // the server's own

func (e *RevertRefusedError) Error() string {
	return "the branch does not accept the revert: " + e.Words
}

// RenderState is what Nginx's generated files of an app lack.
type RenderState struct {
	Due   bool   // there is something to write, or Nginx has something to load
	Lines string // what a person has to write before that can be of use; empty: nothing, or not known yet
}
