package project

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"

	"tandem/compose/project/composefile"
	"tandem/internal/lib/rootfile"
	"tandem/reconciler/deploy"
)

// rootPlaceholder stands for the directory of the app's files, which is another
// one for every commit.
const rootPlaceholder = "<root>"

// releaseHash is the hash of both colors' projects and of the files that they
// use. Both count, because a release that changes only one color's port is
// another release. So do the list of singletons and the expand migration, where
// there are some; the contract migration does not, because a commit that only
// adds it must not deploy again what it is to run after.
func releaseHash(ctx context.Context, app deploy.App, r *Resolution, files *contents) (string, error) {
	h := sha256.New()
	if err := hashProjects(ctx, h, app, r, files, r.Colored); err != nil {
		return "", err
	}
	if len(app.Singletons) > 0 {
		names := slices.Sorted(slices.Values(app.Singletons))
		writePart(h, []byte("singletons "+strings.Join(slices.Compact(names), ",")))
	}
	if expand := r.Migrations[deploy.ExpandMigration]; expand != nil {
		writePart(h, []byte("expand "+app.Migrations.Expand))
		if err := hashProjects(ctx, h, app, r, files, expand); err != nil {
			return "", err
		}
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// hashProjects adds the project of each color, and the files that they use.
func hashProjects(ctx context.Context, h hash.Hash, app deploy.App, r *Resolution, files *contents, projects map[deploy.Color]*types.Project) error {
	var used []string
	for _, color := range deploy.Colors() {
		p := projects[color]
		text, err := canonical(p, app.Root)
		if err != nil {
			return err
		}
		writePart(h, text)
		writeContents(h, r.secrets, p, p.Services, text)
		for _, b := range r.BuildsOf(p) {
			writePart(h, []byte("build "+b.Service))
			writePart(h, []byte(b.Input))
		}
		used = append(used, filesOf(p, p.Services)...)
	}
	return files.add(ctx, h, used)
}

// writeContents adds what the services are given that the project's own text leaves
// out: the content of Compose's secrets and configs where it comes from a variable,
// and, for each encrypted value that they use, what stands for it in git. The values
// themselves must not be in the hash: it is published, and who guesses a short
// password could see there that it is the right one.
func writeContents(h hash.Hash, secrets composefile.SecretRefs, p *types.Project, services types.Services, text []byte) {
	used := string(text)
	for _, content := range contentsOf(p, services) {
		writePart(h, []byte(content))
		used += "\n" + content
	}
	for _, s := range secrets.Found(used) {
		writePart(h, []byte("secret "+s.Name))
		writePart(h, []byte(s.Ciphertext))
	}
}

// contentsOf returns what is copied into the services, from variables only.
func contentsOf(p *types.Project, services types.Services) []string {
	var contents []string
	for _, name := range sortedKeys(services) {
		for _, ref := range services[name].Secrets {
			// Of a secret, what stands in the file is left out of the project's text, too.
			if x := p.Secrets[ref.Source]; x.Content != "" {
				contents = append(contents, x.Content)
			}
		}
		for _, ref := range services[name].Configs {
			if x := p.Configs[ref.Source]; x.Environment != "" {
				contents = append(contents, x.Content)
			}
		}
	}
	return contents
}

// hashShared notes what each service of the shared stack is made from.
func (r *Resolution) hashShared(ctx context.Context, app deploy.App, files *contents) (err error) {
	if r.Shared == nil {
		return nil
	}
	r.SharedHashes = map[string]string{}
	for name := range r.Shared.Services {
		if r.SharedHashes[name], err = serviceHash(ctx, app, r, files, name); err != nil {
			return err
		}
	}
	return nil
}

// serviceHash is the same for one service of the shared stack: what decides
// whether its container is replaced. Compose's own hash will not do, because it
// changes with the directory.
func serviceHash(ctx context.Context, app deploy.App, r *Resolution, files *contents, name string) (string, error) {
	p := r.Shared
	s := p.Services[name]
	if b, ok := r.buildIn(p, name); ok {
		s.Image = b.Input // the same image gets a new name with each tag
	}
	only := &types.Project{Name: p.Name, Services: types.Services{name: s}, Configs: p.Configs, Secrets: p.Secrets}
	h := sha256.New()
	text, err := canonical(only, app.Root)
	if err != nil {
		return "", err
	}
	writePart(h, text)
	writeContents(h, r.secrets, p, only.Services, text)
	if err := files.add(ctx, h, filesOf(p, only.Services)); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// canonical is the project as JSON with sorted keys and without its directory.
func canonical(p *types.Project, root string) ([]byte, error) {
	tree, err := treeOf(p)
	if err != nil {
		return nil, err
	}
	out, err := json.Marshal(withoutRoot(tree, root))
	if err != nil {
		return nil, fmt.Errorf("write project %s: %w", p.Name, err)
	}
	return out, nil
}

// treeOf is the project as plain maps, lists and words.
func treeOf(p *types.Project) (any, error) {
	raw, err := json.Marshal(p)
	if err != nil {
		return nil, fmt.Errorf("write project %s: %w", p.Name, err)
	}
	var tree any
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	if err := dec.Decode(&tree); err != nil {
		return nil, fmt.Errorf("read project %s: %w", p.Name, err)
	}
	return tree, nil
}

func withoutRoot(v any, root string) any {
	switch v := v.(type) {
	case string:
		if rootfile.Below(root, v) {
			return rootPlaceholder + strings.TrimPrefix(v, root)
		}
	case []any:
		for i := range v {
			v[i] = withoutRoot(v[i], root)
		}
	case map[string]any:
		for k := range v {
			v[k] = withoutRoot(v[k], root)
		}
	}
	return v
}

// filesOf returns the paths on this host that the services use.
func filesOf(p *types.Project, services types.Services) []string {
	var paths []string
	for _, s := range services {
		for _, v := range s.Volumes {
			if v.Type == types.VolumeTypeBind {
				paths = append(paths, v.Source)
			}
		}
		for _, ref := range s.Configs {
			paths = append(paths, p.Configs[ref.Source].File)
		}
		for _, ref := range s.Secrets {
			paths = append(paths, p.Secrets[ref.Source].File)
		}
	}
	paths = slices.DeleteFunc(paths, func(s string) bool { return s == "" })
	slices.Sort(paths)
	return slices.Compact(paths)
}

// writePart adds data with its length, so that two parts never read like another
// two.
func writePart(h hash.Hash, data []byte) {
	h.Write(fmt.Appendf(nil, "%d:", len(data)))
	h.Write(data)
}
