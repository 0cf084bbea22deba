package nginx

import (
	"fmt"
	"strings"

	"tandem/reconciler/deploy"
)

// ownName is the stem of the files that all apps share, so no app can have it.
const ownName = "tandem"

// What the generated files' names end in.
const (
	confFile    = ".conf"    // read at http level
	formatFile  = ".format"  // read at http level too, by tandem.conf
	serverFile  = ".server"  // read in a server block
	varsFile    = ".vars"    // read by the other files
	confirmFile = ".confirm" // read in tandem's own server block

	listenersFile = ".listeners" // read at http level, by tandem.conf
	upstreamFile  = ".upstream"  // read at http level, in the place of a site's own upstream
)

// checkName refuses what would break out of a directive or a file name.
func checkName(what, s string) error {
	if !deploy.ValidName(s) {
		return fmt.Errorf("%s %q: want a name like %s", what, s, deploy.NamePattern)
	}
	return nil
}

// identifier makes a name fit for an Nginx variable, which may not hold "-".
// Doubling keeps it reversible: an app or route name holds no "_" and begins
// with a letter, so two names joined by one "_" never read as another pair.
func identifier(name string) string { return strings.ReplaceAll(name, "-", "__") }

// reserved are the first words of variables that Nginx, or tandem, defines itself:
// `set $http_host` would not fail, it would change what $http_host means.
func reserved(app string) bool {
	switch app {
	case "ancient", "arg", "auth", "binary", "body", "bytes", "connection", "connections", "content", "cookie",
		"date", "document", "fastcgi", "geoip", "gzip", "http", "http2", "http3", "https", "image", "invalid", "is", "jwt",
		"limit", "memcached", "modern", "mgmt", "msie", "nginx", "otel", "proxy", "query", "quic", "realip", "realpath",
		"remote", "request", "scgi", "secure", "sent", "server", "session", "slice", "ssi", "ssl", "tcpinfo", "tandem",
		"time", "uid", "upstream", "uwsgi", "xslt":
		return true
	}
	return false
}

// appVariable is the start of every variable of the app, without "$".
func appVariable(app string) string {
	if reserved(app) {
		return "tandem_" + identifier(app)
	}
	return identifier(app)
}

// colorVariable holds the live color.
func colorVariable(app string) string { return appVariable(app) + "_color" }

// generationVariable holds the hash of the files that the worker runs with.
func generationVariable(app string) string { return "tandem_generation_" + identifier(app) }

// backupVariable is "_backup" while the standby is a backup, else empty. It begins
// with tandem's own word, because a site may already have a route named backup.
func backupVariable(app string) string { return "tandem_backup_" + identifier(app) }

// probeVariable is "1" for the agent's own probes, else empty.
func probeVariable(app string) string { return "tandem_probe_" + identifier(app) }

// loggedVariable is empty for a request on its way to a listener, which writes it into the log.
func loggedVariable(app string) string { return "tandem_logged_" + identifier(app) }

// The variables that all apps share. They are defined in every mode: the files
// of another app that was not prepared since the mode changed still use them.
const (
	connectionVariable = "tandem_connection" // for the site's proxy_set_header Connection
	socketVariable     = "tandem_ws"         // "_ws" for a request that asks for an upgrade, else empty
	bindVariable       = "tandem_bind"       // the address that a WebSocket's connection to the app comes from, else empty
	pathVariable       = "tandem_path"       // of a probe, what it asks the app for
	strangerVariable   = "tandem_stranger"   // 1 for everybody but this host
)

// routeVariable holds what proxy_pass needs.
func routeVariable(app, route string) string {
	if route == "color" { // it would be the color's own variable
		return appVariable(app) + "_route_color"
	}
	return appVariable(app) + "_" + identifier(route)
}

// logFormat is the name of the app's log_format. A version before this one had a
// format "tandem_<app>" in <app>.conf, and Nginx accepts no name twice: during an
// update it reads files of both versions.
func logFormat(app string) string { return "tandem_log_" + identifier(app) }

// What a group's name ends in beside the color.
const (
	backupSuffix = "_backup" // the other color answers when this one cannot
	socketSuffix = "_ws"     // for WebSockets
)

// upstreamName is the upstream of a route: of one color, or of the live one
// when color is NoColor. Names hold no "_", so two apps never share one.
func upstreamName(app, route string, color deploy.Color) string {
	if color == deploy.NoColor {
		return app + "_" + route
	}
	return app + "_" + route + "_" + string(color)
}

// Variable returns the variable, "$" included, that a site passes requests to:
// `proxy_pass http://$shop_api;`.
func Variable(app, route string) string { return "$" + routeVariable(app, route) }
