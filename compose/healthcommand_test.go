package compose

import (
	"testing"

	"github.com/docker/docker/api/types/container"
	"github.com/google/go-cmp/cmp"
)

func TestHealthCommand_IsWhatTheEngineWouldRun(t *testing.T) {
	check := func(test ...string) *container.HealthConfig { return &container.HealthConfig{Test: test} }
	cases := map[string]struct {
		config *container.Config
		want   []string
	}{
		"no configuration": {nil, nil},
		"no health check":  {&container.Config{}, nil},
		"inherited":        {&container.Config{Healthcheck: check()}, nil},
		"disabled":         {&container.Config{Healthcheck: check("NONE")}, nil},
		"a command":        {&container.Config{Healthcheck: check("CMD", "curl", "-f", "/")}, []string{"curl", "-f", "/"}},
		"a shell line":     {&container.Config{Healthcheck: check("CMD-SHELL", "curl -f / || exit 1")}, []string{"/bin/sh", "-c", "curl -f / || exit 1"}},
		"the image's shell": {&container.Config{Healthcheck: check("CMD-SHELL", "true"), Shell: []string{"/bin/bash", "-ec"}},
			[]string{"/bin/bash", "-ec", "true"}},
	}
	for name, c := range cases {
		if diff := cmp.Diff(c.want, healthCommand(c.config)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}
