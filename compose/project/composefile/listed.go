package composefile

import (
	"cmp"
	"fmt"
	"path"
	"path/filepath"
	"regexp"
	"strings"

	"tandem/reconciler/deploy"
)

// openListed opens the files that the .env file beside them lists as COMPOSE_FILE, as
// Compose does; nil: it lists none. A note tells of it, because who reads tandem.yaml does
// not see it there.
func openListed(app deploy.App, secrets SecretRefs) (*File, error) {
	beside := &File{App: app, Secrets: secrets, quota: newQuota(), paths: []string{filepath.Join(app.Root, deploy.ComposeNames()[0])}}
	vars, err := beside.dotenv(nil)
	if err != nil {
		return nil, err
	}
	if beside.IsHostFile(filepath.Join(app.Root, ".env")) {
		vars = secrets.Variables()
	}
	separator := cmp.Or(vars["COMPOSE_PATH_SEPARATOR"], ":")
	var names []string
	for name := range strings.SplitSeq(vars["COMPOSE_FILE"], separator) {
		if name = strings.TrimSpace(name); name != "" {
			names = append(names, path.Clean(name))
		}
	}
	if len(names) == 0 {
		return nil, nil
	}
	where := deploy.Note{File: path.Join(app.Dir, ".env"), Line: beside.lineOf("COMPOSE_FILE"), Path: "COMPOSE_FILE"}
	app.Compose = names
	f, err := openFile(app, secrets, "compose", names...)
	if faults, refused := deploy.AsFaults(err); refused {
		for i := range faults {
			faults[i].File, faults[i].Line, faults[i].Path = where.File, where.Line, where.Path
		}
		return nil, faults
	}
	if err != nil {
		return nil, err
	}
	if secrets.unset != nil {
		where.Text = fmt.Sprintf("these files are read, as Compose does; to say so in tandem.yaml, write compose: [%s] there", strings.Join(names, ", "))
		secrets.unset.note(where)
	}
	return f, nil
}

// lineOf is the line of the .env file that sets the variable, 0 if none does.
func (f *File) lineOf(name string) int {
	sets := regexp.MustCompile(`^\s*(?:export\s+)?` + regexp.QuoteMeta(name) + `\s*[=:]`)
	line := 0
	for i, text := range strings.Split(string(f.quota.seen[filepath.Join(f.Dir(), ".env")]), "\n") {
		if sets.MatchString(text) {
			line = i + 1
		}
	}
	return line
}
