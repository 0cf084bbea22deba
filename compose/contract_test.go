package compose_test

import (
	"testing"

	"tandem/internal/harness/contract"
)

func TestClient_DoesWhatEveryStacksDoes(t *testing.T) {
	contract.Stacks(t, func(t *testing.T) contract.StacksBed {
		b := newBed(t, "contract")
		b.write("docker-compose.yml", apiAndWorker)
		b.write("conf/app.conf", "size = 1")
		b.resolve()
		first := b.app
		b.move()
		b.bump()
		b.resolve()
		return contract.StacksBed{Port: b.client, First: first, Second: b.app}
	})
}
