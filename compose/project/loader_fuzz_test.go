package project_test

import (
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/rogpeppe/go-internal/txtar"

	"tandem/compose/project"
	"tandem/internal/harness/testbed/fuzzline"
	"tandem/internal/lib/rootfile"
	"tandem/reconciler/deploy"
)

// What FuzzResolve makes of the second file, and of the service w0.
const (
	fuzzShared = 1 << iota
	fuzzOverride
	fuzzSingleton
	fuzzMigration
	fuzzSharedService
	fuzzIgnored
	fuzzBoth
	fuzzEach
)

// FuzzResolve gives any text for a Compose file, for the variables beside it, and for
// a file that is shared, overrides it or is there to be included: it is a release or
// it has faults, and nothing else comes of it. Each is resolved twice at least, once a
// color.
func FuzzResolve(f *testing.F) {
	cases, err := filepath.Glob("testdata/refused/*.txtar")
	if err != nil {
		f.Fatal(err)
	}
	for _, path := range cases {
		archive, err := txtar.ParseFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(archive.Files[0].Data, "A=1\nB=${A}\n", []byte{}, byte(0))
	}
	f.Add([]byte("services: {api: {image: 'a:1', extends: {file: 5}, ports: ['${API_PORT}:3000']}}\n"), "", []byte{}, byte(0))
	projected, err := filepath.Glob("testdata/projected/*.txtar")
	if err != nil {
		f.Fatal(err)
	}
	for i, path := range projected {
		archive, err := txtar.ParseFile(path)
		if err != nil {
			f.Fatal(err)
		}
		text := strings.NewReplacer("uploads:", "v:", "pgdata:", "v:", "db", "w0").Replace(string(archive.Files[0].Data))
		f.Add([]byte(text), "", []byte{}, byte(fuzzSharedService<<(i%4)))
	}
	for i, text := range greedySeeds() {
		f.Add([]byte(text), "R=1-400\nN=90\n", []byte("services: {b: {image: 'a:1', scale: 50, expose: ['1-400']}}\n"), byte(i))
	}
	loader, err := project.NewLoader(project.LoaderOptions{})
	if err != nil {
		f.Fatal(err)
	}
	line := fuzzline.Line{Base: 384 << 20, PerKiB: 32 << 20}
	f.Fuzz(func(t *testing.T, text []byte, dotenv string, other []byte, options byte) {
		app := shop(t)
		name := "other.yaml"
		if options&fuzzShared != 0 {
			app.Shared = name
		} else if options&fuzzOverride != 0 {
			app.Compose = []string{"compose.yaml", name}
		}
		switch {
		case options&fuzzSharedService != 0:
			app.SharedServices = []string{"w0"}
		case options&fuzzIgnored != 0:
			app.Ignore = []string{"w0"}
		}
		switch {
		case options&fuzzBoth != 0:
			app.Volumes = map[string]deploy.VolumeUse{"v": deploy.VolumeBoth}
		case options&fuzzEach != 0:
			app.Volumes = map[string]deploy.VolumeUse{"v": deploy.VolumeEach}
		}
		if options&fuzzSingleton != 0 {
			app.Singletons = []string{"w0"}
		}
		if options&fuzzMigration != 0 {
			app.Migrations.Expand = "w0"
		}
		put(t, app, map[string]string{"compose.yaml": string(text), ".env": dotenv, name: string(other)})
		line.Hold(t, len(text)+len(dotenv)+len(other), func() {
			r, err := loader.Load(t.Context(), app)
			faults, refused := deploy.AsFaults(err)
			switch {
			case err == nil && r.Release.Hash == "":
				t.Error("resolved to nothing")
			case err == nil:
				checkProjection(t, app, r)
			case err != nil && !refused:
				t.Errorf("%v, want faults", err)
			case strings.Contains(faults.Error(), os.TempDir()):
				t.Errorf("a directory of this host is told: %v", faults)
			}
		})
	})
}

// checkProjection holds a projection to what no file may bring about.
func checkProjection(t *testing.T, app deploy.App, r *project.Resolution) {
	t.Helper()
	blue, green := r.Colored[deploy.Blue], r.Colored[deploy.Green]
	projects := []*types.Project{blue, green}
	if r.Shared != nil {
		projects = append(projects, r.Shared)
	}
	for _, pair := range r.Migrations {
		projects = append(projects, pair[deploy.Blue], pair[deploy.Green])
	}
	for _, p := range projects {
		for name, s := range p.Services {
			for _, port := range s.Ports {
				if ip, err := netip.ParseAddr(port.HostIP); err != nil || !ip.IsLoopback() {
					t.Errorf("%s of %s publishes %d on %q", name, p.Name, port.Target, port.HostIP)
				}
			}
			for _, v := range s.Volumes {
				if v.Type == types.VolumeTypeBind && rootfile.Below(app.Root, v.Source) && !v.ReadOnly {
					t.Errorf("%s of %s may write to %s, which is the release's", name, p.Name, v.Source)
				}
			}
		}
	}
	for name, s := range blue.Services {
		other := green.Services[name]
		if s.ContainerName != "" && s.ContainerName == other.ContainerName {
			t.Errorf("both colors have a container %s", s.ContainerName)
		}
		for _, port := range s.Ports {
			if port.Published != "" && slices.ContainsFunc(other.Ports, func(o types.ServicePortConfig) bool {
				return o.Published == port.Published && o.HostIP == port.HostIP && o.Protocol == port.Protocol
			}) {
				t.Errorf("both colors publish the port %s", port.Published)
			}
		}
	}
	for key, n := range blue.Networks {
		if !bool(n.External) && n.Name == green.Networks[key].Name {
			t.Errorf("both colors make the network %s", n.Name)
		}
	}
}

// greedySeeds are small files that become as much as is allowed, or a little more.
func greedySeeds() []string {
	return []string{
		api + "  w0: {image: 'a:1', deploy: {replicas: 90}}\n",
		api + "  w0: {image: 'a:1', scale: '${N}', expose: ['${R}']}\n",
		api + "  w0: {image: 'a:1', ports: ['${R}:${R}']}\n",
		"x-a: &a [a,a,a,a,a,a,a,a,a,a]\nx-b: &b [*a,*a,*a,*a,*a,*a,*a,*a]\nx-c: &c [*b,*b,*b,*b,*b]\n" + api + "  w0: {image: 'a:1', command: *c}\n",
		api + "  w0: {image: 'a:1', ports: ['1-200:1-200'], expose: ['1-200']}\n  w1: {extends: w0}\n",
		"include: [other.yaml, other.yaml]\n" + api,
		api + "  w0: {extends: {file: other.yaml, service: b}}\n  w1: {extends: {file: other.yaml, service: b}}\n",
		"x-w: &w {image: 'a:1', labels: {a: b}, env_file: [.env, .env], tmpfs: [/a, /b]}\n" + api + "  w0: *w\n  w1: {<<: *w, depends_on: [w0, api]}\n  w2: {<<: *w, depends_on: [w1, w0, api]}\n",
		api + "  w0: {image: 'a:1', command: '${A:-${B:-${C:-${D:-${E:-x}}}}}', networks: {n: {aliases: [a, b, c]}}}\nnetworks: {n: {}}\n",
	}
}
