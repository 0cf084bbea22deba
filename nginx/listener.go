package nginx

import (
	"fmt"
	"slices"
	"strings"

	"tandem/reconciler/deploy"
)

// A site that stays as it is passes requests to an upstream that it wrote itself, and
// that a flag cannot move. tandem's upstream of that name leads to a listener of the same
// Nginx instead, which looks for the flag and passes the request on. What the site set
// and what the app answers goes through as it comes: the site has decided already.

// listener is the way from a site's own names to one route.
type listener struct {
	route     string
	port      int // on 127.0.0.1, as Nginx sees it
	upstreams []siteUpstream
}

// siteUpstream is a name that the site passes requests to.
type siteUpstream struct {
	name   string
	inline bool // <app>.conf has it; else the site includes its file, or has a group of that name still
}

// check refuses what would break out of a directive, or would lead nowhere.
func (l listener) check(s site) error {
	if !slices.ContainsFunc(s.routes, func(b backend) bool { return b.route == l.route }) {
		return fmt.Errorf("route %s: there is none for its upstream", l.route)
	}
	if s.mode == SwitchFlip && (l.port < 1 || l.port > 65535) {
		return fmt.Errorf("route %s: its upstream has no port", l.route)
	}
	for _, u := range l.upstreams {
		if !deploy.ValidUpstream(u.name) {
			return fmt.Errorf("route %s: upstream %q is no name of a group of servers", l.route, u.name)
		}
	}
	return nil
}

// upstreamFileName is the file with the upstream of one name, for a site that includes it in
// the place of its own.
func upstreamFileName(app, name string) string { return app + "." + name + upstreamFile }

// routeComment says in a file whose upstream it has.
const routeComment = "# What passes to it gets the route "

// listenerFiles are the listeners, and a file for each name that a site may include. They
// are gone through even where nobody needs them any more: a site may still include one.
func (s site) listenerFiles() (files []file) {
	if len(s.listeners) == 0 && len(s.unused) == 0 {
		return nil
	}
	servers := ""
	for _, l := range s.listeners {
		if s.mode == SwitchFlip {
			servers += s.listener(l)
		}
		for _, u := range l.upstreams {
			files = append(files, file{upstreamFileName(s.app, u.name), routeComment + l.route + ".\n" + s.upstreamBlock(l, u.name)})
		}
	}
	for _, name := range s.unused {
		files = append(files, file{name, "# No site needs it any more.\n"})
	}
	// tandem.conf reads them at http level, after the formats of the logs.
	return append([]file{{s.app + listenersFile, servers}}, files...)
}

// upstreamBlock is the group of servers that has the name. A request finds the way back
// into the same Nginx over a kept connection where the site asks for one.
func (s site) upstreamBlock(l listener, name string) string {
	var b strings.Builder
	switch {
	case s.mode == SwitchFlip:
		fmt.Fprintf(&b, "\nupstream %s {\n    server %s;\n    keepalive 32;\n    keepalive_timeout 60s;\n}\n", name, loopback(l.port))
	case !slices.Contains(s.reloadGroups(), name):
		i := slices.IndexFunc(s.routes, func(b backend) bool { return b.route == l.route })
		s.group(&b, name, keepalive, s.routes[i].of(s.live))
	}
	return b.String()
}

// inlineUpstreams writes the upstreams that the site neither has nor includes.
func (s site) inlineUpstreams(b *strings.Builder) {
	for _, l := range s.listeners {
		for _, u := range l.upstreams {
			if u.inline {
				b.WriteString(s.upstreamBlock(l, u.name))
			}
		}
	}
}

// listener is the server that requests to the site's own upstream come to.
//
// What an http block demands of people, or does to an answer, was done once by the site. A
// header that Nginx keeps to itself (X-Accel-Redirect) is meant for the site. A stack that
// does not answer must look to the site as it did before, so that its own error page is
// shown: the connection is closed, in the place of an answer with 502.
func (s site) listener(l listener) string {
	head := s.serverHead()
	if s.hasBackup() && s.backup == deploy.BackupAll {
		head += retryAll
	}
	head += "include " + s.dir + "/" + s.app + varsFile + ";\n"
	limits := ""
	if s.nginx.atLeast(version{1, 17, 6}) {
		limits = "    limit_req_dry_run on;\n    limit_req_log_level info;\n    limit_conn_dry_run on;\n    limit_conn_log_level info;\n"
	}
	return fmt.Sprintf(`
# The way to the route %s for a site that passes to %s.
server {
    listen %s;
    server_name _;
%s
    # The site has looked at the request, and is patient for as long as it likes.
    allow all;
    auth_basic off;
    ignore_invalid_headers off;
    client_header_buffer_size 8k;
    large_client_header_buffers 8 128k;
    client_body_buffer_size 64k;
    client_max_body_size 0;
    client_body_timeout 20d;
    send_timeout 20d;
    keepalive_timeout 75s;
    keepalive_requests 100000;
    limit_rate 0;
%s
    # What the http block may do to an answer, the site does.
    add_header Tandem '';
    charset off;
    expires off;
    gzip off;
    error_page 502 504 @tandem_unanswered;

    location / {
        proxy_pass http://$%s;
        proxy_http_version 1.1;
        proxy_set_header Host $http_host;
        proxy_set_header Upgrade $http_upgrade;
        proxy_set_header Connection $%s;
        proxy_request_buffering off;
        proxy_buffering off;
        proxy_buffer_size 64k;
        proxy_buffers 8 64k;
        proxy_busy_buffers_size 128k;
        proxy_temp_file_write_size 128k;
        proxy_max_temp_file_size 0;
        proxy_read_timeout 20d;
        proxy_send_timeout 20d;
        proxy_cache off;
        proxy_store off;
        proxy_redirect off;
        proxy_cookie_domain off;
        proxy_cookie_path off;
        proxy_intercept_errors off;
        proxy_limit_rate 0;
        proxy_ignore_headers X-Accel-Redirect X-Accel-Expires X-Accel-Limit-Rate X-Accel-Buffering X-Accel-Charset;
        proxy_pass_header X-Accel-Redirect;
        proxy_pass_header X-Accel-Expires;
        proxy_pass_header X-Accel-Limit-Rate;
        proxy_pass_header X-Accel-Buffering;
        proxy_pass_header X-Accel-Charset;
        proxy_pass_header Server;
        proxy_pass_header Date;
    }
    location @tandem_unanswered { return 444; }
}
`, l.route, l.names(), loopback(l.port), indented(head), limits, routeVariable(s.app, l.route), connectionVariable)
}

// logCondition keeps a site that passes to a listener and includes the app's files from
// writing each request a second time into the app's log.
func (s site) logCondition() string {
	if len(s.listeners) == 0 && len(s.unused) == 0 {
		return ""
	}
	return " if=$" + loggedVariable(s.app)
}

// loggedMap stands in the first file that is written, because the log's line needs it.
func (s site) loggedMap() string {
	if s.logCondition() == "" {
		return ""
	}
	var b strings.Builder
	fmt.Fprintf(&b, "\nmap $proxy_host $%s {\n    default 1;\n", loggedVariable(s.app))
	for _, l := range s.listeners {
		for _, u := range l.upstreams {
			if s.mode == SwitchReload {
				continue // it leads to the app itself
			}
			fmt.Fprintf(&b, "    %s '';\n", u.name)
		}
	}
	return b.String() + "}\n"
}

func (l listener) names() string {
	names := make([]string, len(l.upstreams))
	for i, u := range l.upstreams {
		names[i] = u.name
	}
	return strings.Join(names, " or ")
}

// indented puts lines inside a block.
func indented(lines string) string {
	var b strings.Builder
	for line := range strings.Lines(lines) {
		b.WriteString("    " + line)
	}
	return b.String()
}
