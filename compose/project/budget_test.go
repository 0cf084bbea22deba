package project_test

import (
	"fmt"
	"strings"
	"testing"

	"tandem/compose/project"
	"tandem/reconciler/deploy"
)

// api is the service that the route of shop leads to.
const api = "services:\n  api: {image: 'a:1', ports: ['${API_PORT}:3000']}\n"

// TestResolve_AnAppMayAskForSoMuch has a file of each kind that becomes more than it
// looks like. Each is refused, with where and what, and in little memory; so it is
// when another process tries it first.
func TestResolve_AnAppMayAskForSoMuch(t *testing.T) {
	direct := newLoader(t, project.LoaderOptions{})
	tried := newLoader(t, project.LoaderOptions{Trial: []string{trial}})
	for name, c := range greedy() {
		t.Run(name, func(t *testing.T) {
			app := shop(t)
			put(t, app, c.files)
			if c.change != nil {
				c.change(&app)
			}
			before := allocated()
			_, err := direct.Resolve(t.Context(), app)
			if mib := (allocated() - before) >> 20; mib > 1024 {
				t.Errorf("it took %d MiB, want less than 1024", mib)
			}
			if _, refused := deploy.AsFaults(err); !refused || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %.400v\nwant %s", err, c.want)
			}
			if _, also := tried.Resolve(t.Context(), app); fmt.Sprint(also) != fmt.Sprint(err) {
				t.Errorf("tried first: %.400v\nwant %.400v", also, err)
			}
		})
	}
}

type greed struct {
	files  map[string]string
	change func(app *deploy.App)
	want   string
}

func greedy() map[string]greed {
	one := func(compose, want string) greed {
		return greed{files: map[string]string{"compose.yaml": compose}, want: want}
	}
	with := func(compose, want, name, content string) greed {
		return greed{files: map[string]string{"compose.yaml": compose, name: content}, want: want}
	}
	shared := func(compose, file, want string) greed {
		return greed{
			files: map[string]string{"compose.yaml": compose, "shared.yaml": file}, want: want,
			change: func(app *deploy.App) { app.Shared = "shared.yaml" },
		}
	}
	w := func(n int, s string) string { return each("  w%d: "+s+"\n", n) }
	const containers, ports, ranges = "the app has more than 100 containers", "more than 500 ports", "more than 500 ports: publish those that are needed"
	return map[string]greed{
		"replicas":                     one(api+w(1, "{image: 'a:1', deploy: {replicas: 2000000}}"), "shop/compose.yaml:3: services.w0.deploy.replicas: with 2000000 of w0 "+containers),
		"replicas in a block":          one(api+"  w:\n    image: a:1\n    deploy:\n      replicas: 101\n", "shop/compose.yaml:6: services.w.deploy.replicas"),
		"scale":                        one(api+w(1, "{image: 'a:1', scale: 101}"), "services.w0.scale: with 101 of w0 "+containers),
		"the largest number":           one(api+w(1, "{image: 'a:1', scale: 9223372036854775807}"), containers),
		"two of the largest":           one(api+w(2, "{image: 'a:1', scale: 9223372036854775807}"), containers),
		"both keys":                    one(api+w(1, "{image: 'a:1', scale: 5000, deploy: {replicas: 5000}}"), "services.w0.scale: with 5000"),
		"a few of many":                one(api+w(50, "{image: 'a:1', scale: 2}"), containers),
		"replicas from a variable":     with(api+w(1, "{image: 'a:1', scale: '${N}'}"), containers, ".env", "N=400\n"),
		"replicas in green alone":      one(api+w(1, "{image: 'a:1', scale: '${API_PORT}'}"), "with 3002 of w0"),
		"replicas of an anchor":        one("x-d: &d {replicas: 400}\n"+api+w(1, "{image: 'a:1', deploy: *d}"), containers),
		"replicas by a merge key":      one("x-d: &d {scale: 400}\n"+api+w(1, "{<<: *d, image: 'a:1'}"), containers),
		"replicas by extends":          one(api+"  base: {image: 'a:1', scale: 2}\n"+w(60, "{extends: base}"), containers),
		"shared replicas":              shared(api, "services: {db: {image: 'd:1', scale: 101}}\n", "shop/shared.yaml:1: services.db.scale: with 101 of db "+containers),
		"colored and shared replicas":  shared(api+w(1, "{image: 'a:1', scale: 60}"), "services: {db: {image: 'd:1', scale: 60}}\n", "shop/shared.yaml:1: services.db.scale"),
		"replicas of a migration":      {files: map[string]string{"compose.yaml": api + w(1, "{image: 'a:1', profiles: [m], scale: 3000000}")}, change: func(app *deploy.App) { app.Migrations.Expand = "w0" }, want: containers},
		"replicas of singletons":       {files: map[string]string{"compose.yaml": api + w(1, "{image: 'a:1', scale: 3000000}")}, change: func(app *deploy.App) { app.Singletons = []string{"w0"} }, want: "w0"},
		"a second file":                {files: map[string]string{"compose.yaml": api + w(1, "{image: 'a:1'}"), "more.yaml": "services: {w0: {scale: 200}}\n"}, change: func(app *deploy.App) { app.Compose = []string{"compose.yaml", "more.yaml"} }, want: containers},
		"expose":                       one(api+w(1, "{image: 'a:1', expose: ['1-65535']}"), "shop/compose.yaml:3: services.w0.expose: with these the app has "+ports),
		"expose of many":               one("x-w: &w {image: 'a:1', expose: ['1-65535']}\n"+api+w(150, "*w"), ports),
		"expose with a protocol":       one(api+w(1, "{image: 'a:1', expose: ['1000-1600/udp']}"), ports),
		"expose from a variable":       with(api+w(1, "{image: 'a:1', expose: ['${R}']}"), ports, ".env", "R=1-65535\n"),
		"expose and ports":             one(api+w(2, "{image: 'a:1', expose: ['1-180'], ports: ['9000-9100:9000-9100']}"), ports),
		"shared expose":                shared(api, "services: {db: {image: 'd:1', expose: ['1-65535']}}\n", "shop/shared.yaml:1: services.db.expose"),
		"a long form":                  one(api+w(1, "{image: 'a:1', ports: [{target: 80, published: '1-65535'}]}"), "services.w0.ports: with these the app has "+ports),
		"ports":                        one(api+w(1, "{image: 'a:1', ports: ['1-65535:1-65535']}"), ranges),
		"ports beyond all numbers":     one(api+w(1, "{image: 'a:1', ports: ['1-9223372036854775807:1-9223372036854775807']}"), ranges),
		"ports of those that extend":   one(api+"  base: {image: 'a:1', ports: ['1-400:1-400']}\n"+w(20, "{extends: base}"), ranges),
		"ports of a chain":             one(api+"  c0: {image: 'a:1', ports: ['1-300:1-300']}\n  c1: {extends: c0}\n  c2: {extends: c1}\n", ranges),
		"ports of another file":        with(api+w(20, "{extends: {file: base.yaml, service: b}}"), ranges, "base.yaml", "services: {b: {image: 'a:1', ports: ['1-400:1-400']}}\n"),
		"ports from a variable":        with(api+w(1, "{image: 'a:1', ports: ['${R}:${R}']}"), ranges, ".env", "R=2000-4000\n"),
		"ports of an include":          with("include: [more.yaml]\n"+api, ranges, "more.yaml", "services: {b: {image: 'a:1', ports: ['1-600:1-600']}}\n"),
		"services":                     one(api+w(200, "{image: 'a:1'}"), "services: with these the file has more than 200 services"),
		"services of inactive":         one(api+w(200, "{image: 'a:1', profiles: [x]}"), "more than 200 services"),
		"services of includes":         {files: map[string]string{"compose.yaml": "include: [a.yaml, b.yaml]\n" + api, "a.yaml": "services:\n" + each("  a%d: {image: 'a:1'}\n", 100), "b.yaml": "services:\n" + each("  b%d: {image: 'a:1'}\n", 100)}, want: "more than 200 services"},
		"networks":                     one(api+"  w: {image: 'a:1', networks: ["+each("n%d,", 101)+"]}\nnetworks:\n"+each("  n%d: {}\n", 101), "networks: with these the app has more than 100 networks"),
		"places on networks":           one("x-n: &n ["+each("n%d,", 60)+"]\n"+api+w(2, "{image: 'a:1', networks: *n, scale: 10}")+"networks:\n"+each("  n%d: {}\n", 60), "more than 1000 places on networks"),
		"volumes":                      one(api+"  w: {image: 'a:1', tmpfs: ["+each("/t%d,", 1001)+"]}\n", "services.w.volumes: with these the app has more than 1000 volumes"),
		"configs":                      one("x-c: &c ["+each("c%d,", 200)+"]\n"+api+w(6, "{image: 'a:1', configs: *c}")+"configs:\n"+each("  c%d: {content: x}\n", 200), "more than 1000 volumes, secrets, configs"),
		"labels":                       one("x-l: &l ["+each("l%d=1,", 300)+"]\n"+api+w(40, "{image: 'a:1', labels: *l}"), "more than 10000 values (variables, labels"),
		"hosts":                        one("x-l: &l ["+each("'h%d:10.0.0.1',", 300)+"]\n"+api+w(40, "{image: 'a:1', extra_hosts: *l}"), "more than 10000 values"),
		"words of commands":            one("x-l: &l ["+each("w%d,", 300)+"]\n"+api+w(40, "{image: 'a:1', command: *l}"), "more than 10000 values"),
		"sysctls and aliases":          one("x-l: &l {net.a: 1}\nx-a: &a ["+each("a%d,", 200)+"]\n"+api+w(60, "{image: 'a:1', sysctls: *l, networks: {default: {aliases: *a}}}"), "more than 10000 values"),
		"variables of a file":          with("x-e: &e [big.env]\n"+api+w(30, "{image: 'a:1', env_file: *e}"), "files with variables", "big.env", "A="+strings.Repeat("x", 400_000)+"\n"),
		"many variables of a file":     with("x-e: &e [big.env]\n"+api+w(30, "{image: 'a:1', env_file: *e}"), "more than 10000 values", "big.env", each("V%d=x\n", 500)),
		"labels of a file":             with("x-e: &e [big.env]\n"+api+w(30, "{image: 'a:1', label_file: *e}"), "files with variables", "big.env", "A="+strings.Repeat("x", 400_000)+"\n"),
		"a long text of many":          with(api+w(30, "{image: 'a:1', command: '${A}'}"), "more than 4 MiB of text", ".env", "A="+strings.Repeat("x", 150_000)+"\n"),
		"a base of many":               one("x-l: &l ["+each("l%d,", 500)+"]\n"+api+"  base: {image: 'a:1', command: *l}\n"+w(150, "{extends: base}"), "include and extends make more than 32 MiB"),
		"a file that many extend":      with(api+w(150, "{extends: {file: base.yaml, service: b}}"), "services.w0.extends: include and extends make more than 32 MiB", "base.yaml", "x-l: ["+each("l%d,", 600)+"]\nservices: {b: {image: 'a:1'}}\n"),
		"a chain of extends":           one("x-l: &l ["+each("l%d,", 300)+"]\n"+api+"  c0: {image: 'a:1', cap_add: *l}\n"+chain(190, "  c%d: {extends: c%d, cap_add: *l}\n"), "include and extends make more"),
		"an include again and again":   with("include: ["+each("b.yaml,", 180, nothing)+"]\n"+api, "include: include and extends make more", "b.yaml", "x-l: ["+each("l%d,", 600)+"]\nservices: {b: {image: 'a:1'}}\n"),
		"an include without end":       with("include: ["+each("b.yaml,", 30_000, nothing)+"]\n"+api, "more than 200 times one file leads to another", "b.yaml", "services: {b: {image: 'a:1'}}\n"),
		"an include of many places":    {files: places(150), want: "include"},
		"includes that double":         {files: doubling(30), want: "include: "},
		"all that need each other":     one(api+dense("depends_on", 40), "depends_on: the services need each other in more than 20000 ways"),
		"links to each other":          one(api+dense("links", 40), "the services need each other in more than"),
		"needs by extends":             one(api+dense("depends_on", 13)+strings.ReplaceAll(each("  t%d: {extends: s12}\n", 40), "\t", ""), "the services need each other in more than"),
		"variables in variables":       one(api+w(1, "{image: 'a:1', command: '"+strings.Repeat("${A:-", 3000)+strings.Repeat("}", 3000)+"'}"), "more than 20 levels deep"),
		"variables in variables, .env": with(api, "more than 20 levels deep", ".env", "X="+strings.Repeat("${A:-", 300)+strings.Repeat("}", 300)+"\n"),
	}
}

// TestResolve_AnHonestAppIsFarFromTheBounds has more of everything than honest apps do.
func TestResolve_AnHonestAppIsFarFromTheBounds(t *testing.T) {
	loader := newLoader(t, project.LoaderOptions{Trial: []string{trial}})
	app := shop(t)
	app.Shared = "shared.yaml"
	put(t, app, map[string]string{
		".env":         each("V%d=value\n", 200),
		"common.env":   each("C%d=x\n", 60) + each("D%d=${V1}\n", 8),
		"compose.yaml": "x-base: &base {image: 'a:1', env_file: common.env, restart: always, depends_on: [api], labels: [" + each("l%d=1,", 20) + "]}\n" + api + each("  w%d: {<<: *base, scale: 2, expose: ['9000-9005']}\n", 25) + each("  x%d: {extends: {file: base.yaml, service: b}}\n", 15),
		"base.yaml":    "services: {b: {image: 'a:1', environment: {" + each("E%d: '${V2:-x}',", 50) + "}}}\n",
		"shared.yaml":  "services:\n" + each("  d%d: {image: 'd:1', volumes: ['d%d:/data']}\n", 8, twice) + "volumes:\n" + each("  d%d: {}\n", 8),
	})
	if _, err := loader.Resolve(t.Context(), app); err != nil {
		t.Errorf("refused: %v", err)
	}
}

// each writes the text for 0 to n-1; the arguments of one are i, unless it is said.
func each(format string, n int, arguments ...func(i int) []any) string {
	var b strings.Builder
	for i := range n {
		args := []any{i}
		if len(arguments) > 0 {
			args = arguments[0](i)
		}
		fmt.Fprintf(&b, format, args...)
	}
	return b.String()
}

func nothing(int) []any { return nil }

func twice(i int) []any { return []any{i, i} }

// chain writes lines for 1 to n, each with the number before, too.
func chain(n int, format string) string {
	return each(format, n, func(i int) []any { return []any{i + 1, i} })
}

// dense are services of which each needs all before it.
func dense(key string, n int) string {
	return each("  s%d: {image: 'a:1', "+key+": [%s]}\n", n, func(i int) []any { return []any{i, each("s%d,", i)} })
}

// places is a file that is included for many directories.
func places(n int) map[string]string {
	files := map[string]string{"b.yaml": "x-l: [" + each("l%d,", 1000) + "]\nservices: {b: {image: 'a:1'}}\n"}
	files["compose.yaml"] = "include:\n" + each("  - {path: b.yaml, project_directory: d%d}\n", n) + api
	for i := range n {
		files[fmt.Sprintf("d%d/x", i)] = ""
	}
	return files
}

// doubling are files of which each includes the next one twice.
func doubling(n int) map[string]string {
	files := map[string]string{"compose.yaml": "include: [f0.yaml, f0.yaml]\n" + api}
	for i := range n {
		files[fmt.Sprintf("f%d.yaml", i)] = fmt.Sprintf("include: [f%d.yaml, f%d.yaml]\n", i+1, i+1)
	}
	files[fmt.Sprintf("f%d.yaml", n)] = "services: {b: {image: 'a:1'}}\n"
	return files
}
