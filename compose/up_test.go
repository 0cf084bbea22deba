package compose_test

import (
	"testing"

	"tandem/reconciler"
)

// apiAndWorker is the usual stack: a service with a route, and one without.
const apiAndWorker = `
version: "3.8"
services:
  api:
    image: IMAGE:${TAG:-latest}
    environment: {COLOR: "${COLOR}"}
    ports: ["${API_PORT:-3001}:3000"]
  worker:
    image: IMAGE:${TAG:-latest}
    command: [wait]
`

func TestUp_StartsTheStackWithItsReleaseOnItsOwnPort(t *testing.T) {
	b := newBed(t, "start")
	b.write("docker-compose.yml", apiAndWorker)
	b.up(reconciler.Blue)
	b.up(reconciler.Green)
	b.answers(reconciler.Blue, "1 blue")
	b.answers(reconciler.Green, "1 green")
	for _, color := range reconciler.Colors() {
		s := b.stack(color)
		if s.Condition != reconciler.Running || s.Release != b.app.Release || s.Tag != "1" || s.Commit != b.app.Commit.Hash || len(s.Containers) != 2 {
			t.Errorf("observed %+v, want two running containers of release %s", s, b.app.Release)
		}
	}
}
