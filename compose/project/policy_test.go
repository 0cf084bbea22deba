package project_test

import (
	"strings"
	"testing"

	"tandem/compose/policy"
	"tandem/compose/project"
	"tandem/reconciler/deploy"
)

func TestPolicy_AllowsWhatItNamesAndNothingElse(t *testing.T) {
	outside := t.TempDir()
	const head = "services:\n  api:\n    image: a:1\n    ports: ['${API_PORT}:3000']\n"
	cases := []struct{ name, allow, file string }{
		{"privileged", "privileged", head + "    privileged: true\n"},
		{"pid", "host-namespaces", head + "    pid: host\n"},
		{"host network", "host-namespaces", head + "  web: {image: 'a:1', network_mode: host}\n"},
		{"capabilities", "capabilities", head + "    cap_add: [NET_ADMIN]\n"},
		{"devices", "devices", head + "    devices: ['/dev/null:/dev/null']\n"},
		{"socket", "docker-socket", head + "    volumes: ['/var/run/docker.sock:/s']\n"},
		{"mount", "host-mounts", head + "    volumes: ['" + outside + ":/s']\n"},
		{"narrow mount", "host-mounts:" + outside, head + "    volumes: ['" + outside + "/in/it:/s']\n"},
		{"security", "security-options", head + "    security_opt: ['seccomp:unconfined']\n"},
		{"address", "publish", strings.Replace(head, "'${", "'0.0.0.0:${", 1)},
		{"narrow address", "publish:10.0.0.5", strings.Replace(head, "['", "['10.0.0.5:${API_PORT}:3000', '", 1)},
		{"provider", "host-programs", head + "  db: {provider: {type: cloud}}\n"},
		{"runtime", "host-programs", head + "    runtime: nvidia\n"},
		{"log driver", "host-programs", head + "    logging: {driver: syslog}\n"},
		{"network driver", "host-programs", head + "networks: {default: {driver: weave}}\n"},
		{"annotations", "security-options", head + "    annotations: {a: b}\n"},
		{"cgroup", "host-namespaces", head + "    cgroup_parent: /\n"},
		{"sysctl of the host", "privileged", head + "    sysctls: {vm.overcommit_memory: 1}\n"},
		{"bridge", "publish", head + "networks: {default: {driver_opts: {com.docker.network.bridge.name: br0}}}\n"},
		{"open network", "publish", head + "networks: {default: {driver_opts: {com.docker.network.bridge.gateway_mode_ipv4: routed}}}\n"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			app := shop(t)
			put(t, app, map[string]string{"compose.yaml": c.file})
			allowing := newLoader(t, project.LoaderOptions{Policy: []string{c.allow}})
			if _, err := allowing.Resolve(t.Context(), app); err != nil {
				t.Errorf("with %s: %v", c.allow, err)
			}
			var others []string
			for _, name := range policy.Names() {
				if mine, _, _ := strings.Cut(c.allow, ":"); name != mine {
					others = append(others, name)
				}
			}
			refusing := newLoader(t, project.LoaderOptions{Policy: others})
			if _, err := refusing.Resolve(t.Context(), app); err == nil || !strings.Contains(err.Error(), "policy.allow") {
				t.Errorf("with everything but %s: %v, want a refusal", c.allow, err)
			}
		})
	}
}

func TestPolicy_ANarrowEntryAllowsNoNeighbour(t *testing.T) {
	app := shop(t)
	put(t, app, map[string]string{"compose.yaml": "services: {api: {image: 'a:1', ports: ['${API_PORT}:3000', '10.0.0.6:${API_PORT}:3000'], volumes: ['/srv/media2:/m']}}\n"})
	loader := newLoader(t, project.LoaderOptions{Policy: []string{"host-mounts:/srv/media", "publish:10.0.0.5"}})
	_, err := loader.Resolve(t.Context(), app)
	if faults, _ := deploy.AsFaults(err); len(faults) != 2 {
		t.Errorf("got %v, want both refused", err)
	}
}

func TestNew_RefusesAPolicyThatMeansNothing(t *testing.T) {
	for _, entry := range []string{"root", "privileged:true", "publish:everywhere", "host-mounts:relative", ""} {
		if _, err := project.NewLoader(project.LoaderOptions{Policy: []string{entry}}); err == nil {
			t.Errorf("policy.allow [%q] was accepted", entry)
		}
	}
}

func TestResolve_AnAppWithoutAFileIsAFault(t *testing.T) {
	loader := newLoader(t, project.LoaderOptions{})
	for _, named := range []string{"", "gone.yaml", "../up.yaml", "/etc/hostname"} {
		app := shop(t)
		app.Compose = []string{named}
		_, err := loader.Resolve(t.Context(), app)
		faults, ok := deploy.AsFaults(err)
		if !ok || faults[0].File != "shop/tandem.yaml" || faults[0].Path != "compose" {
			t.Errorf("compose: %q gives %v, want a fault of tandem.yaml", named, err)
		}
	}
}

func TestResolve_AcceptsWhatIsEachContainersOwn(t *testing.T) {
	app := shop(t)
	put(t, app, map[string]string{
		".env": "A=1\nB=${A}${A}\n", "e": "C=${B}\n", "base.yaml": "services: {other: {image: 'a:1'}}\n",
		"compose.yaml": `include: [{path: base.yaml, env_file: e}]
services:
  api:
    image: a:1
    ports: ["${API_PORT}:3000"]
    sysctls: {net.core.somaxconn: 1024, kernel.shmmax: 1}
    logging: {driver: json-file, options: {max-size: 10m}}
    env_file: [e]
    networks: [back]
networks:
  back: {ipam: {config: [{subnet: "10.${NET:-5}.0.0/24"}]}}
`,
	})
	loader := newLoader(t, project.LoaderOptions{})
	r, err := loader.Load(t.Context(), app)
	if err != nil || len(r.Colored[deploy.Green].Networks["back"].Ipam.Config) > 0 {
		t.Errorf("got %v, want only the subnet that both colors claim to be left out", err)
	}
}
