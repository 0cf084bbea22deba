package project

import (
	"encoding/json"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"

	"tandem/compose/policy"
	"tandem/internal/lib/rootfile"
)

// A Dockerfile comes from git, and each RUN in it is root in a container of this host's
// engine. It gets no more of the host than a service gets: files below the app's directory,
// a network of its own, no privileges.

// build checks what a service's build asks for.
func (c *checker) build(name string, b types.BuildConfig) {
	where := func(key ...string) []string { return at(name, append([]string{"build"}, key...)...) }
	if !filepath.IsAbs(b.Context) {
		c.fault(where("context"), "%s is not in this commit: only a directory of the repository is built, beside or below tandem.yaml", b.Context)
	} else if !rootfile.Below(filepath.Clean(c.App.Root), filepath.Clean(b.Context)) {
		c.fault(where("context"), "%s leads out of the app's directory: move tandem.yaml up to the directory that holds all that is built", c.contextWords(b.Context))
	}
	for _, key := range sortedKeys(b.AdditionalContexts) {
		c.fault(where("additional_contexts", key), "the engine builds from one directory: name one under context that holds both, and copy from %s below it", key)
	}
	if len(b.SSH) > 0 {
		c.fault(where("ssh"), "there is no SSH agent here: give the build a key or a token with secrets: and RUN --mount=type=secret")
	}
	for _, e := range b.Entitlements {
		c.fault(where("entitlements"), "a build here gets nothing of the host, so not %s: remove it", e)
	}
	if b.Privileged {
		c.fault(where("privileged"), "a build here gets nothing of the host: remove privileged")
	}
	if b.Isolation != "" && b.Isolation != "default" {
		c.fault(where("isolation"), "Docker has no other isolation than the default on Linux: remove it")
	}
	c.buildNetwork(where("network"), b.Network)
	own := "linux/" + runtime.GOARCH
	if len(b.Platforms) > 0 && !slices.ContainsFunc(b.Platforms, func(p string) bool { return p == own || strings.HasPrefix(p, own+"/") }) {
		c.fault(where("platforms"), "this host builds for %s: add it, or remove platforms", own)
	}
	c.reservedLabels(where("labels"), b.Labels)
}

func (c *checker) buildNetwork(where []string, network string) {
	switch network {
	case "", "default", "none":
	case "host":
		c.ask(policy.AllowHostNamespaces, where, "the build would be on the host's network")
	default:
		c.fault(where, "a build is on no network of the app: remove network, or write none")
	}
}

// contextWords is the directory as the file may have it: where a relative one ends on this
// host is another place for each commit.
func (c *checker) contextWords(dir string) string {
	if rel, err := filepath.Rel(c.Dir(), dir); err == nil {
		return rel
	}
	return dir
}

// buildText is the build as text, without the directory of the app, and without what
// makes no other image.
func buildText(b types.BuildConfig, root string) string {
	b.CacheFrom, b.CacheTo, b.Tags, b.Platforms, b.Provenance, b.SBOM = nil, nil, nil, nil, "", ""
	b.Context = relativeTo(root, b.Context)
	text, err := json.Marshal(b)
	if err != nil {
		panic("lists and maps of words cannot be written: " + err.Error())
	}
	return string(text)
}

// relativeTo is the path below root, and itself where there is no root.
func relativeTo(root, full string) string {
	if root == "" {
		return full
	}
	return rootfile.Relative(filepath.Clean(root), filepath.Clean(full))
}
