package config

import (
	"errors"
	"io/fs"
	"os"

	"tandem/internal/lib/verify"
)

// files looks at the files that the configuration names, so that a forgotten
// chmod shows when the agent is started and not at its first fetch.
func (v *validator) files() {
	c := v.config.Repo
	v.secret("repo.auth.ssh_key", c.Auth.SSHKey)
	v.secret("repo.auth.token_file", c.Auth.TokenFile)
	v.secret("repo.webhook.secret_file", c.Webhook.SecretFile)
	v.secret("forge.token_file", v.config.Forge.TokenFile)
	v.secret("api.token_file", v.config.API.TokenFile)
	v.secret("secrets.age_key_file", v.config.Secrets.AgeKeyFile)
	v.file("repo.auth.known_hosts", c.Auth.KnownHosts)
	v.secret("notify.urls_file", v.config.Notify.URLsFile) // the addresses hold tokens
	v.keys("repo.verify.ssh_allowed_signers", c.Verify.SSHAllowedSigners, verify.Files{SSHAllowedSigners: c.Verify.SSHAllowedSigners})
	v.keys("repo.verify.pgp_keyring", c.Verify.PGPKeyring, verify.Files{PGPKeyring: c.Verify.PGPKeyring})
}

// keys wants a file with keys that can be read, and that nobody else can write.
func (v *validator) keys(key, path string, files verify.Files) {
	if v.file(key, path) == nil {
		return
	}
	if _, err := files.Read(); err != nil {
		v.fault(key, "%v", err)
	}
}

// secret wants a file that others cannot read and that is not empty: an empty
// webhook secret would let everyone in.
func (v *validator) secret(key, path string) {
	info := v.file(key, path)
	if info == nil {
		return
	}
	if mode := info.Mode().Perm(); mode&0o007 != 0 {
		v.fault(key, "everyone on this host may use %s (mode %04o); run: chmod 600 %s", path, mode, path)
	}
	if info.Size() == 0 {
		v.fault(key, "%s is empty", path)
	}
}

// file returns nil when there is no such file, or it cannot be read.
func (v *validator) file(key, path string) fs.FileInfo {
	if path == "" {
		return nil
	}
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		v.fault(key, "there is no file %s", path)
		return nil
	}
	if err != nil {
		v.fault(key, "%s cannot be read: %s", path, cause(err))
		return nil
	}
	defer func() { _ = f.Close() }() // nothing was written
	info, err := f.Stat()
	if err != nil {
		v.fault(key, "%s cannot be read: %s", path, cause(err))
		return nil
	}
	if !info.Mode().IsRegular() {
		v.fault(key, "%s is not a file", path)
		return nil
	}
	return info
}
