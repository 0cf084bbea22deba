package config

import (
	"encoding/csv"
	"fmt"
	"strings"
	"unicode"

	"tandem/reconciler/deploy"
)

// setting is one key of the file, one flag and one variable.
type setting struct {
	key   string // "repo.auth.ssh_key"
	usage string
	at    func(*Config) any // the field: *string, *[]string, *int64 (a size), *deploy.PortRange, *URL or *Poll
}

// flag is the name of the flag: "repo-auth-ssh-key".
func (s setting) flag() string { return strings.NewReplacer(".", "-", "_", "-").Replace(s.key) }

// variable is the name of the environment variable: "TANDEM_REPO_AUTH_SSH_KEY".
func (s setting) variable() string {
	return "TANDEM_" + strings.ToUpper(strings.ReplaceAll(s.key, ".", "_"))
}

// settings is the table that the file, the flags and the variables are made of.
func settings() []setting {
	return []setting{
		{"repo.url", "the repository with the desired state: https, ssh or a local path", func(c *Config) any { return &c.Repo.URL }},
		{"repo.branch", "the watched branch", func(c *Config) any { return &c.Repo.Branch }},
		{"repo.apps", "globs of the files that make a directory an app", func(c *Config) any { return &c.Repo.Apps }},
		{"repo.poll", "how often the branch is asked for: a duration or a cron expression", func(c *Config) any { return &c.Repo.Poll }},
		{"repo.auth.ssh_key", "file with the private key for ssh", func(c *Config) any { return &c.Repo.Auth.SSHKey }},
		{"repo.auth.known_hosts", "file with the ssh server's keys", func(c *Config) any { return &c.Repo.Auth.KnownHosts }},
		{"repo.auth.username", "user for https", func(c *Config) any { return &c.Repo.Auth.Username }},
		{"repo.auth.token_file", "file with the token for https", func(c *Config) any { return &c.Repo.Auth.TokenFile }},
		{"repo.verify.ssh_allowed_signers", "file with the ssh keys that may sign a commit", func(c *Config) any { return &c.Repo.Verify.SSHAllowedSigners }},
		{"repo.verify.pgp_keyring", "file with the PGP keys that may sign a commit", func(c *Config) any { return &c.Repo.Verify.PGPKeyring }},
		{"repo.webhook.secret_file", "file with the secret of POST /hooks/git, which wakes the poll", func(c *Config) any { return &c.Repo.Webhook.SecretFile }},
		{"status.branch", "the branch that the status is pushed to", func(c *Config) any { return &c.Status.Branch }},
		{"status.path", "the status file; {app} and {host} stand for their names", func(c *Config) any { return &c.Status.Path }},
		{"nginx.dir", "directory for the files that tandem generates for Nginx", func(c *Config) any { return &c.Nginx.Dir }},
		{"nginx.switch", "how traffic is moved: flip or reload", func(c *Config) any { return &c.Nginx.Switch }},
		{"nginx.command", "the Nginx program with its arguments", func(c *Config) any { return &c.Nginx.Command }},
		{"nginx.container", "the container that Nginx runs in; empty: on the host", func(c *Config) any { return &c.Nginx.Container }},
		{"nginx.confirm", "address on which Nginx says which color is live", func(c *Config) any { return &c.Nginx.Confirm }},
		{"docker.host", "address of the Docker engine", func(c *Config) any { return &c.Docker.Host }},
		{"docker.min_free", "space that must be free for images before one is pulled, such as 2GiB; 0: not checked", func(c *Config) any { return &c.Docker.MinFree }},
		{"docker.ports", "ports of this host that tandem chooses for routes whose file names none", func(c *Config) any { return &c.Docker.Ports }},
		{"policy.allow", "what the repository may ask of this host beyond the ordinary", func(c *Config) any { return &c.Policy.Allow }},
		{"secrets.age_key_file", "file with the private age keys that open the secrets of the repository", func(c *Config) any { return &c.Secrets.AgeKeyFile }},
		{"apps", "directory with the host directories of the apps: files that are not in git", func(c *Config) any { return &c.Apps }},
		{"notify.urls_file", "file with the addresses that are told what happened: one shoutrrr URL a line", func(c *Config) any { return &c.Notify.URLsFile }},
		{"forge.kind", "what hosts the repository, for commit statuses: auto, github, gitlab, gitea or none", func(c *Config) any { return &c.Forge.Kind }},
		{"forge.url", "base of its API, where the host is not a known one", func(c *Config) any { return &c.Forge.URL }},
		{"forge.token_file", "file with the token for commit statuses; empty: none are posted", func(c *Config) any { return &c.Forge.TokenFile }},
		{"api.token_file", "file with the token that the API asks for; empty: it asks for none, and listen must be on loopback", func(c *Config) any { return &c.API.TokenFile }},
		{"listen", "address of the API, the webhook, /metrics and /healthz", func(c *Config) any { return &c.Listen }},
		{"state", "directory that belongs to the agent", func(c *Config) any { return &c.State }},
	}
}

// assign sets a field from the text of a flag or a variable.
func assign(field any, text string) error {
	if strings.ContainsFunc(text, unicode.IsControl) {
		return fmt.Errorf("holds a control character or a line break")
	}
	switch field := field.(type) {
	case *string:
		*field = text
	case *URL:
		*field = URL(text)
	case *Poll:
		p, err := ParsePoll(text)
		if err != nil {
			return err
		}
		*field = p
	case *deploy.PortRange:
		ports, err := deploy.ParsePortRange(text)
		if err != nil {
			return err
		}
		*field = ports
	case *int64:
		size, err := parseSize(text)
		if err != nil {
			return err
		}
		*field = size
	case *[]string:
		list, err := splitList(text)
		if err != nil {
			return fmt.Errorf("want words separated by commas: %w", err)
		}
		*field = list
	}
	return nil
}

// splitList reads a list as the flags do: a,b or "a,with comma",b.
func splitList(text string) ([]string, error) {
	if text == "" {
		return nil, nil
	}
	return csv.NewReader(strings.NewReader(text)).Read()
}
