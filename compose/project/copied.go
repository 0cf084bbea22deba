package project

import "github.com/compose-spec/compose-go/v2/types"

// copied checks the secrets and configs of a service that are not mounted: Compose copies
// them into the container, and nothing can be copied into one that is read-only, also not
// to where it has a file system in memory.
func (c *Checker) copied(name string, s types.ServiceConfig) {
	if !s.ReadOnly {
		return
	}
	for _, ref := range s.Secrets {
		if x := c.Project.Secrets[ref.Source]; x.Environment != "" || x.Content != "" {
			c.Fault(At(name, "secrets", "~"+ref.Source), "the secret %s is copied into the container, which is read_only: remove read_only, or give %s the value under environment:", ref.Source, name)
		}
	}
	for _, ref := range s.Configs {
		if x := c.Project.Configs[ref.Source]; x.Environment != "" || x.Content != "" {
			c.Fault(At(name, "configs", "~"+ref.Source), "the config %s is copied into the container, which is read_only: put its content into a file in git, and write configs: {%s: {file: ./<path>}}; or remove read_only", ref.Source, ref.Source)
		}
	}
}
