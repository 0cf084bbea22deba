package nginx

import (
	"fmt"
	"strings"

	"tandem/reconciler/deploy"
)

// confirm is the app's part of the confirm server. It reads the variables that
// the app's site reads, so it cannot say anything else than what is in force.
func (s site) confirm() string {
	var b strings.Builder
	fmt.Fprintf(&b, `location = /%s {
    include %s/%s.vars;
    access_log off;
    default_type text/plain;
    add_header Cache-Control no-store;
    add_header %s $%s;
    add_header %s %s;
`, s.app, s.dir, s.app, generationHeader, generationVariable(s.app), switchHeader, s.mode)
	if s.hasBackup() {
		fmt.Fprintf(&b, "    add_header %s $%s;\n", backupHeader, backupVariable(s.app))
	}
	fmt.Fprintf(&b, "    add_header %s $pid;\n    return 200 \"$%s\\n\";\n}\n", workerHeader, colorVariable(s.app))
	for _, r := range s.routes {
		b.WriteString(s.probe(r.route))
		for _, c := range deploy.Colors() {
			if s.mode == SwitchFlip {
				b.WriteString(s.reach(r, c))
			}
		}
	}
	return b.String()
}

// probe lets the agent ask a route as the site does, whatever names and
// certificates the site has. What an http block may demand of people, and what
// it may remember for them, is not for a probe.
func (s site) probe(route string) string {
	head := ""
	if s.namesInVariables() {
		head = "    " + resolver
	}
	return fmt.Sprintf(`
location /%s/%s/ {
    include %s/%s.vars;
    set $%s 1;
%s    allow all;
    auth_basic off;
    proxy_cache off;
    add_header %s $%s always;
    proxy_http_version 1.1;
    proxy_set_header Host $http_host;
    proxy_set_header Connection '';
    proxy_pass http://$%s$%s;
}
`, s.app, route, s.dir, s.app, probeVariable(s.app), head, generationHeader, generationVariable(s.app),
		routeVariable(s.app, route), pathVariable)
}
