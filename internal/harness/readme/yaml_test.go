package readme

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"

	"tandem/internal/config"
	"tandem/reconciler/appfile"
	"tandem/reconciler/deploy"
)

// kinds tells by a key at its top what a YAML block is.
var kinds = []struct {
	key  string
	read func(t testing.TB, b block) error
}{
	{"routes", func(_ testing.TB, b block) error { _, err := parseApp(b); return err }},
	{"repo", func(t testing.TB, b block) error { _, err := loadAgent(t, b); return err }},
	{"services", func(testing.TB, block) error { return nil }}, // being YAML is all that can be asked of a part
}

// checkYAML reads each block as tandem would.
func checkYAML(t testing.TB, _ facts, pages []page) []string {
	t.Helper()
	var findings []string
	seen := map[string]bool{}
	for _, p := range pages {
		for _, b := range p.blocks("yaml") {
			kind := kindOf(b)
			i := slices.IndexFunc(kinds, func(k struct {
				key  string
				read func(testing.TB, block) error
			}) bool {
				return k.key == kind
			})
			if i < 0 {
				findings = append(findings, b.where+": nobody knows what this YAML is: it is not YAML, or has neither routes, repo nor services")
				continue
			}
			seen[kind] = true
			if err := kinds[i].read(t, b); err != nil {
				findings = append(findings, fmt.Sprintf("%s: %v", b.where, err))
			}
		}
	}
	for _, k := range kinds {
		if !seen[k.key] {
			findings = append(findings, "no page has a YAML block with "+k.key)
		}
	}
	return findings
}

func kindOf(b block) string {
	var top map[string]any
	if err := yaml.Unmarshal([]byte(b.text), &top); err != nil {
		return ""
	}
	for _, k := range kinds {
		if _, ok := top[k.key]; ok {
			return k.key
		}
	}
	return ""
}

func parseApp(b block) (deploy.App, error) {
	return appfile.ParseApp(deploy.AppFile{Dir: "shop", Path: "tandem.yaml", Data: []byte(b.text)})
}

var hostFile = regexp.MustCompile(`/etc/tandem/[a-z0-9_]+`)

// loadAgent loads an agent.yaml; the files that it names are made elsewhere.
func loadAgent(t testing.TB, b block) (config.Config, error) {
	t.Helper()
	dir := t.TempDir()
	text := hostFile.ReplaceAllStringFunc(b.text, func(name string) string {
		path := filepath.Join(dir, filepath.Base(name))
		if name == config.Default().Apps {
			return name // a directory, which need not exist
		}
		if err := os.WriteFile(path, hostFileContent(t, filepath.Base(name)), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	})
	path := filepath.Join(dir, "agent.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return config.Load(path, nil, nil)
}

// hostFileContent is what such a file has to hold to be taken.
func hostFileContent(t testing.TB, name string) []byte {
	t.Helper()
	switch name {
	case "allowed_signers":
		return []byte("ada@example.com ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIF9lqEWz5qmU4LMFN3tC0GyqtMfxV7R6pBkGcSgUSkX\n")
	case "keyring":
		key, err := openpgp.NewEntity("Ada", "", "ada@example.com", nil)
		if err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		if err := key.Serialize(&b); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	default:
		return []byte("secret")
	}
}

// longest returns the README's longest block of a kind, which is the one that
// shows all of it.
func longest(pages []page, kind string) block {
	var found block
	for _, b := range find(pages, "README.md").blocks("yaml") {
		if kindOf(b) == kind && len(b.text) > len(found.text) {
			found = b
		}
	}
	return found
}

// checkDesiredDefaults compares the whole file with one that says nothing of the
// policies, and its keys with those that the format has.
func checkDesiredDefaults(t testing.TB, f facts, pages []page) []string {
	t.Helper()
	b := longest(pages, "routes")
	whole, err := parseApp(b)
	if err != nil {
		return []string{fmt.Sprintf("%s: %v", b.where, err)}
	}
	least, err := parseApp(block{text: "tag: x\nroutes: {api: {ports: {blue: 3001, green: 3002}, health: /health}}\n"})
	if err != nil {
		t.Fatal(err)
	}
	// What is written is known to be, for a limit counts more then.
	least.Watch.OwnErrorRate, least.Watch.OwnP95 = true, true
	policies := func(a deploy.App) []any {
		return []any{a.Name, a.Color, a.Routes, a.Gate, a.Watch, a.Drain, a.Standby, a.OnFailure}
	}
	var findings []string
	if diff := cmp.Diff(policies(least), policies(whole)); diff != "" {
		findings = append(findings, b.where+": the defaults are others (-code +page):\n"+diff)
	}
	complete := keysOf(t, read(t, f.root, "reconciler", "appfile", "testdata", "good", "complete.yaml"), "")
	return append(findings, differences(b.where, keysOf(t, b.text, ""), complete)...)
}

// checkAgentDefaults compares the whole agent.yaml with the defaults, and the
// keys of all its blocks in the README with those that there are.
func checkAgentDefaults(t testing.TB, f facts, pages []page) []string {
	t.Helper()
	b := longest(pages, "repo")
	got, err := loadAgent(t, b)
	if err != nil {
		return []string{fmt.Sprintf("%s: %v", b.where, err)}
	}
	// These the page calls required, or "default: none".
	got.Repo.URL, got.Repo.Auth, got.Repo.Verify = "", config.Auth{}, config.Verify{}
	got.Repo.Webhook, got.Notify, got.Secrets = config.Webhook{}, config.Notify{}, config.Secrets{}
	var findings []string
	if diff := cmp.Diff(config.Default(), got); diff != "" {
		findings = append(findings, b.where+": the defaults are others (-code +page):\n"+diff)
	}
	var flags []string
	for _, b := range find(pages, "README.md").blocks("yaml") {
		if kindOf(b) != "repo" {
			continue
		}
		for _, key := range keysOf(t, b.text, "") {
			if flag := "--" + strings.NewReplacer(".", "-", "_", "-").Replace(key); !slices.Contains(flags, flag) {
				flags = append(flags, flag)
			}
		}
	}
	return append(findings, differences("README.md: the agent's file", flags, f.agentFlags)...)
}

// keysOf lists the keys of a YAML text that hold no mapping: "gate.timeout".
func keysOf(t testing.TB, text, prefix string) []string {
	t.Helper()
	var top map[string]any
	if err := yaml.Unmarshal([]byte(text), &top); err != nil {
		t.Fatal(err)
	}
	var keys []string
	var walk func(prefix string, m map[string]any)
	walk = func(prefix string, m map[string]any) {
		for key, value := range m {
			if below, ok := value.(map[string]any); ok {
				walk(prefix+key+".", below)
			} else {
				keys = append(keys, prefix+key)
			}
		}
	}
	walk(prefix, top)
	slices.Sort(keys)
	return keys
}
