package config

import (
	"strings"
	"time"

	"tandem/reconciler/deploy"
)

// DefaultPath is the file that is read when none is named.
const DefaultPath = "/etc/tandem/agent.yaml"

// Config is everything that an agent has to be told about its host.
type Config struct {
	Repo    Repo
	Status  Status
	Nginx   Nginx
	Docker  Docker
	Policy  Policy
	Secrets Secrets
	Apps    string // directory with the host directories of the apps
	Notify  Notify
	Forge   Forge
	API     API
	Listen  string // host:port of the API, the webhook, /metrics and /healthz; on loopback, unless API.TokenFile is set; port 0: any
	State   string // absolute directory that belongs to the agent
}

// Repo is where the desired state comes from.
type Repo struct {
	URL     URL
	Branch  string
	Apps    []string // globs of the files that make a directory an app; ** is any number of directories
	Poll    Poll
	Auth    Auth
	Verify  Verify
	Webhook Webhook
}

// Auth names the files with the credentials for Repo.URL: the first two fields
// are for ssh, the others for https.
type Auth struct {
	SSHKey     string // a private key without a passphrase
	KnownHosts string // pins the server's key
	Username   string // may be empty
	TokenFile  string
}

// Verify names the keys that have to sign the commits of the branch; both empty:
// no signature is asked for.
type Verify struct {
	SSHAllowedSigners string // as in git's gpg.ssh.allowedSignersFile
	PGPKeyring        string // exported public keys
}

// Webhook lets the Git server wake the poll with POST /hooks/git; it is off when
// SecretFile is empty.
type Webhook struct {
	SecretFile string // holds the key of the HMAC
}

// Status is where the agent publishes what it did.
type Status struct {
	Branch string
	Path   string // holds {app}, and {host} where several hosts share the repository
}

// File is the path of the status file of one app on one host.
func (s Status) File(app, host string) string {
	return strings.NewReplacer("{app}", app, "{host}", host).Replace(s.Path)
}

// Nginx is how traffic is switched.
type Nginx struct {
	Dir       string // absolute directory for generated files and flags
	Switch    string // SwitchFlip or SwitchReload
	Command   string // the program and its arguments, separated by spaces
	Container string // the container that Nginx runs in; empty: on the host
	Confirm   string // host:port on which Nginx says which color is live
}

// The values of Nginx.Switch.
const (
	SwitchFlip   = "flip"
	SwitchReload = "reload"
)

// Docker is how the engine is reached.
type Docker struct {
	Host    string           // unix:///path or tcp://host:port
	MinFree int64            // bytes that must be free where images are kept before one is pulled; 0: not checked
	Ports   deploy.PortRange // where routes get theirs whose file names none
}

// Policy bounds what the repository may ask of this host.
type Policy struct {
	Allow []string // what is permitted beyond the ordinary; the names are those of the compose package
}

// Secrets is how encrypted files of the repository are opened; they are refused
// when AgeKeyFile is empty.
type Secrets struct {
	AgeKeyFile string // private age keys, one a line
}

// Notify says who is told what happened; nobody when URLsFile is empty.
type Notify struct {
	URLsFile string // one shoutrrr URL a line
}

// Forge is where commit statuses are posted: the site that hosts Repo.URL. It is
// off when TokenFile is empty or Kind is ForgeNone.
type Forge struct {
	Kind      string // ForgeAuto, ForgeGitHub, ForgeGitLab, ForgeGitea or ForgeNone
	URL       string // the base of its API; empty: told by Repo.URL's host
	TokenFile string
}

// The values of Forge.Kind.
const (
	ForgeAuto   = "auto" // told by the host of Repo.URL, where that is a known one
	ForgeGitHub = "github"
	ForgeGitLab = "gitlab"
	ForgeGitea  = "gitea" // Forgejo too
	ForgeNone   = "none"
)

// ForgeKind is the kind of forge to post to, with ForgeAuto made out. It is
// ForgeNone when there is none.
func (c Config) ForgeKind() string {
	switch {
	case c.Forge.TokenFile == "":
		return ForgeNone
	case c.Forge.Kind != ForgeAuto:
		return c.Forge.Kind
	}
	known := map[string]string{"github.com": ForgeGitHub, "gitlab.com": ForgeGitLab, "codeberg.org": ForgeGitea}
	if kind, ok := known[c.Repo.URL.host()]; ok {
		return kind
	}
	return ForgeNone
}

// API is who may use what Listen serves; everyone who can reach it when TokenFile
// is empty.
type API struct {
	TokenFile string // holds the token that a request has to carry
}

// Default returns what holds where nothing is said. Only Repo.URL is missing.
func Default() Config {
	return Config{
		Repo:   Repo{Branch: "main", Apps: []string{"**/tandem.yaml"}, Poll: Poll{Every: 10 * time.Second}},
		Apps:   "/etc/tandem/apps",
		Status: Status{Branch: "tandem-status", Path: "{app}.yaml"},
		Nginx: Nginx{
			Dir:     "/etc/nginx/tandem",
			Switch:  SwitchFlip,
			Command: "nginx",
			Confirm: "127.0.0.1:8485",
		},
		Docker: Docker{Host: "unix:///var/run/docker.sock", MinFree: 1 << 30, Ports: deploy.PortRange{First: 21000, Last: 21999}},
		Forge:  Forge{Kind: ForgeAuto},
		Listen: "127.0.0.1:8484",
		State:  "/var/lib/tandem",
	}
}
