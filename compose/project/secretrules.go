package project

import (
	"strings"

	"github.com/compose-spec/compose-go/v2/types"

	"tandem/compose/project/composefile"
	"tandem/reconciler/deploy"
)

// misplacedSecrets finds each secret that stands where others than the container can read
// it. There are only two places where one may: a value under environment, and the
// content of a secret or a config, which is copied into the container. Everything
// else of a service is in its command line, its labels or a name, which any process
// list, docker ps or status shows.
func misplacedSecrets(f *composefile.File, p *types.Project) (deploy.Faults, error) {
	if f.Secrets.Empty() {
		return nil, nil
	}
	tree, err := treeOf(p)
	if err != nil {
		return nil, err
	}
	w := &secretWalk{file: f}
	w.value(tree, nil)
	return composefile.SortFaults(w.faults), nil
}

type secretWalk struct {
	file   *composefile.File
	faults deploy.Faults
}

func (w *secretWalk) value(v any, path []string) {
	switch v := v.(type) {
	case string:
		if !maySecret(path) {
			w.refuse(v, path)
		}
	case []any:
		for _, x := range v {
			w.value(x, path)
		}
	case map[string]any:
		for _, key := range sortedKeys(v) {
			if strings.HasPrefix(key, "x-") {
				continue // an extension: for the file itself, and for nobody who runs it
			}
			w.refuse(key, path)
			w.value(v[key], append(path[:len(path):len(path)], key))
		}
	}
}

// maySecret tells whether a secret's value may stand at path.
func maySecret(path []string) bool {
	switch {
	case len(path) == 4:
		return path[0] == "services" && path[2] == "environment"
	case len(path) == 3:
		return (path[0] == "secrets" || path[0] == "configs") && path[2] == "content"
	}
	return false
}

func (w *secretWalk) refuse(text string, path []string) {
	for _, s := range w.file.Secrets.Found(text) {
		where := append(path[:len(path):len(path)], "~"+s.Name)
		name, line := w.file.Locate(where...)
		w.faults = append(w.faults, deploy.Fault{File: name, Line: line, Path: composefile.PathText(path), Text: composefile.SecretAdvice(s, path)})
	}
}
