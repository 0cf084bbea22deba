package project_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tandem/compose/project"
	"tandem/reconciler/deploy"
)

// TestResolve_OneDatabaseHasItsDirectoryForItself shares what a database keeps in all
// the ways that a file has for it, and what it does not keep in some that are harmless.
func TestResolve_OneDatabaseHasItsDirectoryForItself(t *testing.T) {
	dir := t.TempDir()
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(dir, link); err != nil {
		t.Fatal(err)
	}
	volumes := "volumes:\n  data: {}\n  more: {}\n"
	for name, c := range map[string]struct {
		stack, shared string
		faults        int
	}{
		"two on one directory":                    {shared: "  a: {image: 'mysql:8', volumes: ['DIR:/var/lib/mysql']}\n  b: {image: 'mariadb:11', volumes: ['DIR:/var/lib/mysql']}\n", faults: 1},
		"one of them through a link":              {shared: "  a: {image: 'mysql:8', volumes: ['DIR:/var/lib/mysql']}\n  b: {image: 'mariadb:11', volumes: ['LINK:/var/lib/mysql']}\n", faults: 1},
		"one of them through a volume":            {shared: "  a: {image: 'mysql:8', volumes: ['DIR:/var/lib/mysql']}\n  b: {image: 'mariadb:11', volumes: ['shown:/var/lib/mysql']}\nvolumes: {shown: {driver_opts: {type: none, o: bind, device: DIR}}}\n", faults: 1},
		"two volumes of one export":               {shared: "  a: {image: 'mysql:8', volumes: ['one:/var/lib/mysql']}\n  b: {image: 'mysql:8', volumes: ['two:/var/lib/mysql']}\nvolumes: {one: &nfs {driver_opts: {type: nfs, o: addr=10.0.0.1, device: ':/x'}}, two: *nfs}\n", faults: 1},
		"the files of another service":            {shared: "  a: {image: 'mongo:7', volumes: ['data:/data/db']}\n  b: {image: 'tools:1', volumes_from: [a]}\n" + volumes, faults: 1},
		"a directory that it was told to keep":    {shared: "  a: {image: 'postgres:17', environment: {PGDATA: /pg}, volumes: ['data:/pg']}\n  b: {image: 'tools:1', volumes: ['data:/x']}\n" + volumes, faults: 1},
		"a directory of the host in both colors":  {stack: "  db: {image: 'tools:1', volumes: ['DIR:/var/lib/postgresql/data']}\n", faults: 1},
		"a singleton in one color":                {stack: "  alone: {image: 'tools:1', volumes: ['DIR:/var/lib/postgresql/data']}\n"},
		"several singletons":                      {stack: "  alone: {image: 'tools:1', scale: 2, volumes: ['DIR:/var/lib/postgresql/data']}\n", faults: 1},
		"a singleton beside a shared one":         {stack: "  alone: {image: 'tools:1', volumes: ['DIR:/x']}\n", shared: "  a: {image: 'mysql:8', volumes: ['DIR:/var/lib/mysql']}\n", faults: 1},
		"each has a volume":                       {shared: "  a: {image: 'redis:7', volumes: ['data:/data']}\n  b: {image: 'redis:7', volumes: ['more:/data']}\n" + volumes},
		"each has a part of a volume":             {shared: "  a: {image: 'redis:7', volumes: [{type: volume, source: data, target: /data, volume: {subpath: a}}]}\n  b: {image: 'redis:7', volumes: [{type: volume, source: data, target: /data, volume: {subpath: b}}]}\n" + volumes},
		"a backup reads":                          {shared: "  a: {image: 'mongo:7', volumes: ['data:/data/db']}\n  b: {image: 'tools:1', volumes: ['data:/x:ro']}\n  c: {image: 'tools:1', volumes_from: ['a:ro']}\n" + volumes},
		"what prepares the directory has ended":   {shared: "  a: {image: 'mongo:7', volumes: ['data:/data/db'], depends_on: {b: {condition: service_completed_successfully}}}\n  b: {image: 'tools:1', volumes: ['data:/x']}\n" + volumes},
		"a socket and a directory for dumps":      {shared: "  a: {image: 'postgres:17', volumes: ['data:/var/run/postgresql', 'more:/backups', '/var/lib/postgresql/data']}\n  b: {image: 'tools:1', volumes: ['data:/x', 'more:/y']}\n" + volumes},
		"certificates of several nodes":           {shared: "  a: {image: 'elasticsearch:8.15.0', volumes: ['data:/usr/share/elasticsearch/config/certs', '/usr/share/elasticsearch/data']}\n  b: {image: 'elasticsearch:8.15.0', volumes: ['data:/usr/share/elasticsearch/config/certs', '/usr/share/elasticsearch/data']}\n" + volumes},
		"files of an app, in both colors":         {stack: "  web: {image: 'nextcloud:29', volumes: ['DIR:/var/www/html']}\n", shared: "  cron: {image: 'nextcloud:29', volumes: ['DIR:/var/www/html']}\n"},
		"a program that only has the name in its": {shared: "  a: {image: 'prom/mysqld-exporter:1', volumes: ['data:/x']}\n  b: {image: 'redis/redisinsight:2', volumes: ['data:/x']}\n" + volumes},
	} {
		t.Run(name, func(t *testing.T) {
			app := shop(t)
			app.Singletons = nil
			if strings.Contains(c.stack, "alone:") {
				app.Singletons = []string{"alone"}
			}
			fill := strings.NewReplacer("DIR", dir, "LINK", link)
			files := map[string]string{"compose.yaml": "services:\n  api: {image: 'a:1', ports: ['${API_PORT}:3000']}\n" + fill.Replace(c.stack)}
			if c.shared != "" {
				app.Shared = "compose.shared.yaml"
				files[app.Shared] = "services:\n" + fill.Replace(c.shared)
			}
			put(t, app, files)
			loader := newLoader(t, project.LoaderOptions{Policy: []string{"host-mounts"}})
			_, err := loader.Resolve(t.Context(), app)
			faults, _ := deploy.AsFaults(err)
			if len(faults) != c.faults || err != nil && c.faults == 0 {
				t.Errorf("got %v, want %d faults", err, c.faults)
			}
			for _, f := range faults {
				if !strings.Contains(f.Text, "would be lost") {
					t.Errorf("got %s", f)
				}
			}
		})
	}
}
