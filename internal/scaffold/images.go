package scaffold

import (
	"path"
	"slices"
	"strings"

	"github.com/distribution/reference"

	"tandem/compose/project"
)

// image is the name of an image in its parts.
type image struct {
	repository string // without tag and digest, as it is written
	owner      string // registry and owner, in full, so that two can be compared
	path       string // without the registry
	name       string // the last part
	tag        string // "" for none
}

// parseImage returns nothing for what is no image's name.
func parseImage(text string) image {
	named, err := reference.ParseNormalizedNamed(text)
	if err != nil {
		return image{}
	}
	repository, _, _ := strings.Cut(text, "@")
	if colon := strings.LastIndexByte(repository, ':'); colon > strings.LastIndexByte(repository, '/') {
		repository = repository[:colon]
	}
	i := image{repository: repository, owner: path.Dir(named.Name()), path: reference.Path(named), name: path.Base(named.Name())}
	if tagged, ok := named.(reference.Tagged); ok {
		i.tag = tagged.Tag()
	}
	return i
}

// isOneOf tells whether the image is one of those that a list names by their last part, or
// by owner and last part.
func (i image) isOneOf(list string) bool {
	return slices.ContainsFunc(strings.Fields(list), func(n string) bool {
		return i.name == n || strings.Contains(n, "/") && (i.path == n || strings.HasSuffix(i.path, "/"+n))
	})
}

// The images that people run beside an app, by the last part of their names or, where that
// says too little, by owner and name.
const (
	// moreStores keep nothing on a disk, or are no datastores to the rest of tandem, and yet
	// have to be the same for both colors.
	moreStores = "memcached redismod redis-stack redis-sentinel nats nats-streaming mosquitto eclipse-mosquitto emqx vernemq activemq activemq-artemis " +
		"pulsar beanstalkd gearmand localstack rqlite immudb ferretdb tarantool rethinkdb ravendb firebird manticore manticoresearch sonic zinc zincsearch " +
		"seaweedfs garage rustfs azurite mssql-server-linux sqledge libsql-server sqld pgbouncer pgpool proxysql maxscale openldap vault consul garnet loki tempo mimir victoria-logs"
	// proxies stand between people and the apps of a host, which is what the host's Nginx does.
	proxies = "traefik nginx-proxy nginx-proxy-manager letsencrypt-nginx-proxy-companion acme-companion docker-gen caddy-docker-proxy caddy-gen swag " +
		"kamal-proxy nginx-ui zoraxy npmplus bunkerweb docker-letsencrypt-nginx-proxy-companion https-portal nginx-certbot caddy-proxy"
	// webServers are proxies or part of an app: their configuration decides.
	webServers = "nginx nginx-unprivileged openresty caddy httpd haproxy envoy apache lighttpd h2o tengine angie freenginx"
	// mailCatchers swallow mail, for development.
	mailCatchers = "mailhog mailpit mailcatcher maildev mailcrab smtp4dev fake-smtp-server inbucket mailtrap mailslurper"
	// collectors take in what other programs say, and nobody looks at them.
	collectors = "logstash filebeat fluentd fluent-bit telegraf vector promtail opentelemetry-collector opentelemetry-collector-contrib alloy metricbeat"
	// tools are for the person who looks after a host.
	tools = "adminer phpmyadmin pgadmin pgadmin4 pgweb redis-commander redisinsight mongo-express cloudbeaver dbgate sqlpad flower " +
		"portainer portainer-ce watchtower autoheal docker-autoheal dozzle diun ouroboros shepherd cadvisor node-exporter ofelia certbot dns-cloudflare " +
		"docker-socket-proxy socket-proxy ngrok browser-sync selenium standalone-chrome standalone-firefox"
)

func isStore(i image) bool {
	return i.name != "" && (project.IsDatastore(i.repository) || i.isOneOf(moreStores))
}

// knownHealth are paths that answer when an app that many people run is well, by the image's
// last part, or owner and last part.
var knownHealth = map[string]string{
	"actual-server": "/", "authentik": "/-/health/live/", "goauthentik/server": "/-/health/live/", "bookstack": "/status", "calcom": "/api/health", "chatwoot": "/api",
	"coder": "/healthz", "commafeed": "/", "concourse": "/api/v1/info", "directus": "/server/ping", "discourse": "/srv/status", "docmost": "/api/health",
	"documenso": "/api/health", "docuseal": "/up", "drone": "/healthz", "forgejo": "/api/healthz", "formbricks": "/health", "freshrss": "/i/",
	"ghost": "/ghost/", "gitea": "/api/healthz", "gitlab-ce": "/-/health", "gitlab-ee": "/-/health", "gotify/server": "/health", "grafana": "/api/health",
	"grafana-oss": "/api/health", "harbor-core": "/api/v2.0/ping", "hasura/graphql-engine": "/healthz", "graphql-engine": "/healthz", "healthchecks": "/api/v3/status/",
	"hedgedoc": "/_health", "hoppscotch": "/", "immich-server": "/api/server/ping", "infisical": "/api/status", "jellyfin": "/health",
	"jenkins": "/login", "joplin/server": "/api/ping", "keycloak": "/realms/master", "kibana": "/api/status", "kimai2": "/", "komga": "/actuator/health",
	"kutt": "/api/v2/health", "langfuse": "/api/public/health", "leantime": "/", "linkding": "/health", "linkwarden": "/", "listmonk": "/health",
	"logto": "/api/status", "mastodon": "/health", "mastodon-streaming": "/api/v1/streaming/health", "matomo": "/matomo.php", "mattermost-team-edition": "/api/v4/system/ping",
	"mattermost-enterprise-edition": "/api/v4/system/ping", "mealie": "/api/app/about", "memos": "/healthz", "metabase": "/api/health", "miniflux": "/healthcheck",
	"n8n": "/healthz", "navidrome": "/ping", "netbox": "/login/", "nextcloud": "/status.php", "nocodb": "/api/v1/health",
	"nodered/node-red": "/", "ntfy": "/v1/health", "outline": "/_health", "overleaf": "/status", "sharelatex": "/status", "paperless-ngx": "/accounts/login/",
	"penpotapp/frontend": "/", "photoprism": "/api/v1/status", "pocketbase": "/api/health", "posthog": "/_health", "pretix": "/healthcheck/",
	"rocket.chat": "/health", "rallly": "/api/status", "searxng": "/healthz", "sentry": "/_health/", "shlink": "/rest/health", "sonarqube": "/api/system/status",
	"strapi": "/_health", "superset": "/health", "synapse": "/health", "umami": "/api/heartbeat", "unleash-server": "/health", "uptime-kuma": "/",
	"vaultwarden/server": "/alive", "vikunja": "/api/v1/info", "wallabag": "/", "wiki": "/healthz", "wikijs": "/healthz", "windmill": "/api/version",
	"wordpress": "/wp-includes/images/blank.gif", "zammad": "/api/v1/monitoring/health_check", "zitadel": "/debug/healthz", "plausible": "/api/health",
	"community-edition": "/api/health", "audiobookshelf": "/healthcheck", "changedetection.io": "/", "fireflyiii/core": "/health", "invidious": "/api/v1/stats",
}

// knownPort are the ports of apps whose Compose files often do not say one.
var knownPort = map[string]int{
	"ghost": 2368, "gitea": 3000, "forgejo": 3000, "wordpress": 80, "nextcloud": 80, "vaultwarden/server": 80, "n8n": 5678, "umami": 3000,
	"grafana": 3000, "keycloak": 8080, "miniflux": 8080, "metabase": 3000, "nginx": 80, "httpd": 80, "caddy": 80, "uptime-kuma": 3001, "outline": 3000,
	"strapi": 1337, "directus": 8055, "plausible": 8000, "community-edition": 8000, "matomo": 80, "jellyfin": 8096, "listmonk": 9000, "docuseal": 3000,
}

// lookUp finds an image in a table whose keys are last parts, or owner and last part.
func lookUp[V any](i image, table map[string]V) (V, bool) {
	for p := i.path; p != ""; {
		if v, ok := table[p]; ok {
			return v, true
		}
		_, rest, more := strings.Cut(p, "/")
		if !more {
			break
		}
		p = rest
	}
	v, ok := table[i.name]
	return v, ok
}
