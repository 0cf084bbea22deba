package scaffold

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/compose-spec/compose-go/v2/dotenv"
	"github.com/compose-spec/compose-go/v2/types"

	"tandem/compose/project/composefile"
)

// Unset is a variable that the Compose files use, and that has neither a value nor a
// default.
type Unset struct {
	Name string
	File string
	Line int // of its first use

	path      []string
	otherwise string // the default that it has elsewhere in the files
}

// unsetIn lists what a document uses without having a value for it, each use.
func unsetIn(doc any, file string, data []byte, env types.Mapping) []Unset {
	var found []Unset
	visitTexts(doc, nil, func(path []string, text string) {
		// Everything else is not interpolated, or means no container.
		if len(path) == 0 || strings.HasPrefix(path[0], "x-") {
			return
		}
		for _, name := range unsetNames(text, env) {
			found = append(found, Unset{Name: name, File: file, Line: lineOfVariable(data, name), path: path, otherwise: defaultOf(data, name)})
		}
	})
	return found
}

// visitTexts calls do with every text of a document. Items of a list have the path of the list.
func visitTexts(node any, path []string, do func(path []string, text string)) {
	switch n := node.(type) {
	case string:
		do(path, n)
	case []any:
		for _, item := range n {
			visitTexts(item, path, do)
		}
	case map[string]any:
		for key, item := range n {
			visitTexts(item, append(slices.Clone(path), key), do)
		}
	}
}

// unsetNames are the variables that a text needs and that have no value.
func unsetNames(text string, env types.Mapping) []string {
	return composefile.WithoutValue(text, env.Resolve)
}

// defaultOf is the first default of a variable that is no variable itself.
func defaultOf(data []byte, name string) string {
	m := regexp.MustCompile(`\$\{` + regexp.QuoteMeta(name) + `:?-([^${}"'\n]+)\}`).FindSubmatch(data)
	if m == nil {
		return ""
	}
	return string(m[1])
}

func lineOfVariable(data []byte, name string) int {
	at := regexp.MustCompile(`\$\{?` + regexp.QuoteMeta(name) + `\b`).FindIndex(data)
	if at == nil {
		return 0
	}
	return 1 + bytes.Count(data[:at[0]], []byte("\n"))
}

// mergeUnset keeps the first use of each variable, and the use that says most about what
// its value has to look like.
func mergeUnset(all []Unset) []Unset {
	slices.SortStableFunc(all, func(a, b Unset) int { return strings.Compare(a.Name, b.Name) })
	var merged []Unset
	for _, u := range all {
		last := len(merged) - 1
		if last < 0 || merged[last].Name != u.Name {
			merged = append(merged, u)
		} else if kindOf(u.path) > kindOf(merged[last].path) {
			merged[last].path = u.path
		}
	}
	slices.SortStableFunc(merged, func(a, b Unset) int { return a.Line - b.Line })
	return merged
}

// The kinds of places in which a variable stands, the most demanding last.
const (
	kindText = iota
	kindName
	kindDirectory
	kindNumber
)

func kindOf(path []string) int {
	has := func(keys ...string) bool {
		return slices.ContainsFunc(path, func(p string) bool { return slices.Contains(keys, p) })
	}
	switch {
	case has("environment", "command", "entrypoint", "healthcheck", "labels", "args"):
		return kindText
	case has("ports", "expose", "deploy", "cpus", "scale", "mem_limit", "shm_size"):
		return kindNumber
	case has("volumes", "env_file", "context", "file"):
		return kindDirectory
	case has("image", "container_name", "hostname", "name"):
		return kindName
	}
	return kindText
}

// examples are the files in which people show what goes into .env.
var examples = []string{".env.example", ".env.sample", ".env.dist", ".env.template", "env.example", "example.env", ".env.defaults"}

// standIns are values with which the files can be read although variables have none: those
// of an example beside them, or some of the right form. They are written nowhere.
func standIns(dir string, unset []Unset) types.Mapping {
	example := types.Mapping{}
	for _, name := range examples {
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			continue
		}
		if vars, err := dotenv.UnmarshalBytesWithLookup(data, func(string) (string, bool) { return "", false }); err == nil {
			example = vars
			break
		}
	}
	values := types.Mapping{}
	for i, u := range unset {
		word := strings.ToLower(u.Name)
		switch kind := kindOf(u.path); {
		case example[u.Name] != "":
			values[u.Name] = example[u.Name]
		case u.otherwise != "":
			values[u.Name] = u.otherwise
		case kind == kindNumber:
			values[u.Name] = strconv.Itoa(standInPort + i)
		case kind == kindDirectory:
			values[u.Name] = "./" + word
		case kind == kindName:
			values[u.Name] = strings.ReplaceAll(word, "_", "-")
		default:
			values[u.Name] = word // ${NAME:?why} takes no empty one
		}
	}
	return values
}

// standInPort is the first number that stands in for one that only the host knows. It is
// above what people take.
const standInPort = 64000

// isStandIn tells a port that nobody wrote.
func isStandIn(port int) bool { return port >= standInPort }
