package source

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"

	"tandem/internal/lib/verify"
	"tandem/reconciler/deploy"
)

// Options says which repository is watched and how it is reached. URL is the
// only field that must be set, and CacheDir for a repository that is not local.
type Options struct {
	// URL is an https, http, ssh or file URL, "user@host:path", or a local path.
	URL string
	// Branch is the watched branch; default "main".
	Branch string
	// Apps are globs of the files that make a directory an app; "**" stands for any
	// number of directories, also none. Default "**/tandem.yaml".
	Apps []string
	// CacheDir is a directory that belongs to this package alone. It may be deleted
	// at any time, also while Repo works.
	CacheDir string
	// Auth holds the paths of the credentials; they are read anew at each call.
	Auth Auth
	// StatusBranch is where Publish commits to; default "tandem-status". It may be
	// the watched branch.
	StatusBranch string
	// StatusPaths returns globs of the status files of one app, those of other
	// hosts included, so that they are no part of any app's content. It is needed
	// only when the status is published on the watched branch; nil: none.
	StatusPaths func(deploy.AppFile) []string
	// Verify names the keys that have to sign the commits of the watched branch, of
	// which at least one is needed then; they are read anew for each commit that is
	// looked at. Nothing: every commit is taken.
	Verify verify.Files
	// Record is a file that belongs to this package alone, in which is remembered
	// which commit was verified and which commits are the agent's own. It is needed
	// with Verify, and is removed without.
	Record string
	// Author signs the status commits; default "tandem <tandem@host>".
	Author Author
	// Logger hears what a person may want to know; default slog.Default().
	Logger *slog.Logger
}

// Auth holds the paths of the files with credentials, never a credential.
type Auth struct {
	SSHKey     string // a private key without a passphrase
	KnownHosts string // pins the server's key; needed for ssh
	Username   string // for http; default "git", which most servers accept with a token
	TokenFile  string // for http; its content, trimmed, is the password
}

// Author is a name and an address for a commit.
type Author struct{ Name, Email string }

// withDefaults fills in what was left out and says everything that is wrong.
func (o Options) withDefaults() (Options, error) {
	if o.Branch == "" {
		o.Branch = "main"
	}
	if o.StatusBranch == "" {
		o.StatusBranch = "tandem-status"
	}
	if len(o.Apps) == 0 {
		o.Apps = []string{"**/tandem.yaml"}
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	if o.Auth.Username == "" {
		o.Auth.Username = "git"
	}
	if o.Author.Name == "" {
		o.Author.Name = "tandem"
	}
	if o.Author.Email == "" {
		host, err := os.Hostname()
		if err != nil {
			host = "localhost"
		}
		o.Author.Email = "tandem@" + host
	}
	return o, o.validate()
}

func (o Options) validate() error {
	var errs []error
	for _, b := range []string{o.Branch, o.StatusBranch} {
		if err := plumbing.NewBranchReferenceName(b).Validate(); err != nil || strings.HasPrefix(b, "refs/") {
			errs = append(errs, fmt.Errorf("branch %q: not the name of a branch", b))
		}
	}
	for _, pattern := range o.Apps {
		if _, err := parseGlob(pattern); err != nil {
			errs = append(errs, fmt.Errorf("apps: %w", err))
		}
	}
	if o.Verify.Any() && o.Record == "" {
		errs = append(errs, errors.New("verify: a file is needed to remember what was verified"))
	}
	if strings.ContainsAny(o.Author.Name+o.Author.Email, "<>\n\x00") {
		errs = append(errs, errors.New("author: the name and the address must not hold <, > or a line break"))
	}
	return errors.Join(errs...)
}
