package nginx

import (
	"fmt"
	"slices"
	"strings"

	"tandem/reconciler/deploy"
)

// namesInVariables tells whether a route's variable holds a container's name
// instead of an upstream's: the only way to have it resolved again before Nginx 1.27.3.
func (s site) namesInVariables() bool {
	return s.dynamic && s.mode == SwitchFlip && !s.nginx.resolvesUpstreams()
}

// canHaveBackup tells whether there can be a group in which the other color is the backup.
func (s site) canHaveBackup() bool { return s.mode == SwitchFlip && !s.namesInVariables() }

// hasBackup tells whether there are such groups.
func (s site) hasBackup() bool {
	return s.canHaveBackup() && (s.backup == deploy.BackupIdempotent || s.backup == deploy.BackupAll)
}

// socketAddress is where the connections of WebSockets to the app come from. All
// of 127.0.0.0/8 is this host, and nothing but tandem's groups uses it.
const socketAddress = "127.0.0.2"

// marksSockets tells whether WebSockets have groups of their own. A loopback
// address of its own is only good for an app that is reached over loopback.
func (s site) marksSockets() bool { return s.mode == SwitchFlip && !s.dynamic }

// upstreams writes the groups of one route.
func (s site) upstreams(b *strings.Builder, r backend) {
	switch {
	case s.mode == SwitchReload:
		for _, name := range s.reloadGroups(r.route) {
			s.group(b, name, keepalive, r.of(s.live))
		}
	case s.namesInVariables():
		if len(r.closedColors()) > 0 {
			s.group(b, s.closedName(r), noKeepalive, "")
		}
	default:
		for _, c := range deploy.Colors() {
			s.colorGroups(b, upstreamName(s.app, r.route, c), r.of(c), r.of(c.Other()))
		}
	}
}

// reloadGroups are the groups of reload mode that lead to some of the routes, or to all.
func (s site) reloadGroups(routes ...string) (names []string) {
	for i, r := range s.routes {
		if len(routes) > 0 && !slices.Contains(routes, r.route) {
			continue
		}
		names = append(names, upstreamName(s.app, r.route, deploy.NoColor))
		if len(s.routes)-len(s.removed) == 1 && i == 0 && r.route != backendName {
			names = append(names, upstreamName(s.app, backendName, deploy.NoColor))
		}
	}
	return names
}

func (s site) colorGroups(b *strings.Builder, name, own, other string) {
	s.group(b, name, keepalive, own)
	if s.marksSockets() {
		s.group(b, name+socketSuffix, noKeepalive, own)
	}
	if !s.hasBackup() {
		return
	}
	s.group(b, name+backupSuffix, keepalive, own, other)
	if s.marksSockets() {
		s.group(b, name+backupSuffix+socketSuffix, noKeepalive, own, other)
	}
}

// keepalive keeps connections to the app. Idle ones are closed after a second
// because an app closes its own after two (gunicorn) or five (Node.js, uvicorn),
// and a request that meets the closing is lost; under load they never get that
// old. `keepalive` is written out also since 1.29.7, where it is the default: the
// default does not share connections between locations.
const keepalive = "    keepalive 32;\n    keepalive_timeout 1s;\n"

// noKeepalive keeps none, also where keeping is the default: a connection that is kept
// after an upgrade was refused would still be taken for a WebSocket.
const noKeepalive = "    keepalive_requests 1;\n"

// group writes one upstream. Of two members the second is the backup: it is asked
// while the first does not answer, and for a second after.
func (s site) group(b *strings.Builder, name, keep string, members ...string) {
	fmt.Fprintf(b, "\nupstream %s {\n", name)
	if s.resolvesMembers() && slices.ContainsFunc(members, func(m string) bool { return m != "" }) {
		fmt.Fprintf(b, "    zone %s 64k;\n    %s    resolver_timeout 1s;\n", name, resolver)
	}
	b.WriteString(s.member(members[0]))
	if len(members) == 2 {
		b.WriteString(" max_fails=1 fail_timeout=1s;\n" + s.member(members[1]) + " backup")
	}
	b.WriteString(";\n" + keep + "}\n")
}

func (s site) resolvesMembers() bool { return s.dynamic && s.nginx.resolvesUpstreams() }

func (s site) member(address string) string {
	switch {
	case address == "": // nothing that may be asked is there
		return "    server 127.0.0.1:1 down"
	case s.resolvesMembers():
		return "    server " + address + " resolve"
	default:
		return "    server " + address
	}
}
