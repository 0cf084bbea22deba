package project

import (
	"path"
	"slices"
	"strings"

	"github.com/distribution/reference"

	"tandem/internal/lib/rootfile"
)

// datastore is a kind of program that keeps data in a directory, and destroys it when
// two of them write there at once: most hold a lock that is only seen within one
// container, or none.
type datastore struct {
	images string // the last parts of the names of its images, without registry and owner
	known  string // directories that nothing else has: they tell, whatever the image is called
	own    string // directories that other programs have, too: they tell with one of the images
}

// datastores are what people run beside an app. The names of the images are those of
// Docker's official images, of the vendors' own and of the best-known repackagings
// (Bitnami, LinuxServer, Percona, Supabase, Timescale); the directories are the volumes
// that their Dockerfiles and their pages on Docker Hub name. An image is known by its
// last part alone, so that a mirror or another owner makes no difference.
var datastores = []datastore{
	{
		images: "postgres postgresql postgresql-repmgr postgis pgvector pgvecto-rs vectorchord-postgres timescaledb timescaledb-ha spilo percona-distribution-postgresql edb-postgres pgautoupgrade",
		known:  "/var/lib/postgresql /var/lib/pgsql /bitnami/postgresql",
	},
	{
		images: "mysql mysql-server mysql-cluster mariadb mariadb-galera percona percona-server percona-xtradb-cluster",
		known:  "/var/lib/mysql /bitnami/mysql /bitnami/mariadb",
		own:    "/config",
	},
	{
		images: "mongo mongodb mongodb-sharded mongodb-community-server mongodb-enterprise-server mongodb-atlas-local percona-server-mongodb",
		known:  "/data/db /data/configdb /var/lib/mongodb /bitnami/mongodb",
	},
	{
		images: "redis redis-cluster redis-stack redis-stack-server valkey valkey-cluster valkey-bundle keydb dragonfly",
		known:  "/var/lib/redis /var/lib/valkey /bitnami/redis /bitnami/valkey",
		own:    "/data",
	},
	{images: "memcached"},
	{images: "elasticsearch", known: "/usr/share/elasticsearch/data /bitnami/elasticsearch"},
	{images: "opensearch", known: "/usr/share/opensearch/data /bitnami/opensearch"},
	{images: "solr", known: "/var/solr"},
	{images: "meilisearch", known: "/meili_data"},
	{images: "typesense", own: "/data"},
	{images: "clickhouse clickhouse-server", known: "/var/lib/clickhouse /bitnami/clickhouse"},
	{images: "influxdb influxdb3-core", known: "/var/lib/influxdb /var/lib/influxdb2 /var/lib/influxdb3"},
	{images: "prometheus", known: "/prometheus"},
	{images: "victoria-metrics", known: "/victoria-metrics-data"},
	{images: "questdb", known: "/var/lib/questdb"},
	{images: "cassandra", known: "/var/lib/cassandra /bitnami/cassandra"},
	{images: "scylla", known: "/var/lib/scylla"},
	{images: "couchdb", known: "/opt/couchdb/data /bitnami/couchdb"},
	{images: "couchbase", known: "/opt/couchbase/var"},
	{images: "cockroach", known: "/cockroach/cockroach-data"},
	{images: "yugabyte"},
	{images: "neo4j", known: "/bitnami/neo4j", own: "/data"},
	{images: "memgraph memgraph-platform", known: "/var/lib/memgraph"},
	{images: "arangodb", known: "/var/lib/arangodb3"},
	{images: "surrealdb"},
	{images: "mssql/server azure-sql-edge", known: "/var/opt/mssql"},
	{images: "oracle-xe oracle-free", known: "/opt/oracle/oradata"},
	{images: "qdrant", known: "/qdrant/storage"},
	{images: "weaviate", known: "/var/lib/weaviate"},
	{images: "milvus", known: "/var/lib/milvus"},
	{images: "chromadb/chroma", known: "/chroma/chroma", own: "/data"},
	{images: "rabbitmq", known: "/var/lib/rabbitmq /bitnami/rabbitmq"},
	{images: "kafka cp-kafka kafka-native redpanda", known: "/var/lib/kafka /bitnami/kafka /var/lib/redpanda"},
	{images: "zookeeper cp-zookeeper", known: "/var/lib/zookeeper /bitnami/zookeeper", own: "/data /datalog"},
	{images: "etcd", known: "/bitnami/etcd /etcd-data"},
	{images: "minio", known: "/bitnami/minio", own: "/data"},
}

// besides are directories, and beginnings of their names, in which a datastore has
// something else than its data: sockets, logs, backups, certificates.
var besides = []string{"/run", "/var/run", "/tmp", "/var/log", "/etc", "/backup", "/var/backups", "/dump", "/docker-entrypoint", "/certs", "/ssl"}

// DataDirectories tells which of the directories that a container mounts are those in which
// it keeps its data as a datastore. Of a datastore that mounts none that is known, every
// directory counts that is not known to be something else: it was told to keep its data
// elsewhere.
func DataDirectories(image string, targets []string) map[string]bool {
	is := datastoreOf(image)
	data, known := map[string]bool{}, knownDirectories()
	if is != nil {
		known = append(known, strings.Fields(is.own)...)
	}
	for _, t := range targets {
		if slices.ContainsFunc(known, func(dir string) bool { return rootfile.Below(dir, path.Clean(t)) }) {
			data[t] = true
		}
	}
	if is == nil || len(data) > 0 {
		return data
	}
	for _, t := range targets {
		if !slices.ContainsFunc(besides, func(dir string) bool { return strings.HasPrefix(path.Clean(t), dir) }) {
			data[t] = true
		}
	}
	return data
}

// IsDatastore tells whether the image is one of a datastore.
func IsDatastore(image string) bool { return datastoreOf(image) != nil }

// datastoreOf returns nil for any other image.
func datastoreOf(image string) *datastore {
	name := imagePath(image)
	for i, d := range datastores {
		if slices.ContainsFunc(strings.Fields(d.images), func(n string) bool { return name == n || strings.HasSuffix(name, "/"+n) }) {
			return &datastores[i]
		}
	}
	return nil
}

func knownDirectories() []string {
	var all []string
	for _, d := range datastores {
		all = append(all, strings.Fields(d.known)...)
	}
	return all
}

// imagePath is the name of an image without its registry, tag and digest; "" for what is
// no name, such as the id that the engine says when a tag has moved on.
func imagePath(image string) string {
	named, err := reference.ParseNormalizedNamed(image)
	if err != nil {
		return ""
	}
	return reference.Path(named)
}
