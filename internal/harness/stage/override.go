package stage

import (
	"fmt"
	"os"
	"path/filepath"
)

// apiOnly takes the services out that Options.APIOnly has no use for.
const apiOnly = `
  api: {healthcheck: {interval: 60s}} # each is a process more
  web: {profiles: [unused]}
  worker: {profiles: [unused]}
`

// scheduler is the service of Options.Scheduler: for "singletons: [scheduler]".
const scheduler = `
  scheduler:
    <<: *recorder
    restart: unless-stopped
    command: [scheduler]
`

// migrations are the services of Options.Migrations: for
// "migrations: {expand: migrate-expand, contract: migrate-contract}". They say
// nothing of MIGRATE_TIME and MIGRATE_FAIL, so those that are built into the image count.
const migrations = `
  migrate-expand:
    <<: *recorder
    profiles: [migrate]
    command: [migrate, expand]
  migrate-contract:
    <<: *recorder
    profiles: [migrate]
    command: [migrate, contract]
`

// addOverride writes what the options change of the example, into a file that
// Compose reads beside the example's own. What records writes into the volume of
// the store.
func (s *Stage) addOverride() error {
	o := s.options
	if !o.Scheduler && !o.Migrations && !o.APIOnly {
		return nil
	}
	text := fmt.Sprintf(`x-recorder: &recorder
  image: %s/shop:${TAG}
  stop_grace_period: 10s
  environment: {COLOR: "${COLOR}", SCHEDULE: /data/%s, MIGRATE: /data/%s}
  volumes: ["orders:/data"]
  network_mode: bridge # it talks to nobody

volumes:
  orders: {name: %s-shared_orders, external: true} # of compose.shared.yaml

services:
`, s.Registry(), Schedule, Migrations, s.App)
	for _, part := range []struct {
		wanted bool
		text   string
	}{{o.APIOnly, apiOnly}, {o.Scheduler, scheduler}, {o.Migrations, migrations}} {
		if part.wanted {
			text += part.text
		}
	}
	return os.WriteFile(filepath.Join(s.Work, s.App, "compose.override.yaml"), []byte(text), 0o644)
}
