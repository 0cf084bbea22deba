package stage

import (
	"errors"
	"os"
)

// bare is the Compose file of Options.Bare. Docker's own network saves a process at
// each start of a container, which a name server for other networks is.
const bare = `services:
  api:
    image: ${REGISTRY}/shop:${TAG}
    command: [api]
    restart: unless-stopped
    stop_grace_period: 10s
    environment: {COLOR: "${COLOR}", GREETING: "${GREETING:-hello}", START_DELAY: "${START_DELAY:-0s}"}
    ports: ["127.0.0.1:${API_PORT}:3000"]
    network_mode: bridge
`

const bareWorker = `
  worker:
    image: ${REGISTRY}/shop:${TAG}
    command: [worker]
    restart: unless-stopped
    environment: {COLOR: "${COLOR}"}
    network_mode: bridge
`

// writeBare puts it in the place of the example's files.
func (s *Stage) writeBare() error {
	return errors.Join(os.Remove(s.path("work", s.App, "compose.shared.yaml")), s.writeCompose(bare))
}

// AddWorker adds the example's worker to the app of Options.Bare, from the next
// release on.
func (s *Stage) AddWorker() error { return s.writeCompose(bare + bareWorker) }

func (s *Stage) writeCompose(text string) error {
	return os.WriteFile(s.path("work", s.App, "compose.yaml"), []byte(text), 0o644)
}
