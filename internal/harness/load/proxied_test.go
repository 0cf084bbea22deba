package load_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/go-connections/nat"

	"tandem/examples"
	"tandem/internal/harness/load"
	"tandem/internal/harness/testbed"
	"tandem/internal/harness/testbed/tb"
)

// site is an Nginx in front of one backend, as users write it.
func site(port int) testbed.NginxConfig {
	return testbed.NginxConfig{
		HTTP: fmt.Sprintf(`
    upstream backend { server 127.0.0.1:%d max_fails=0; keepalive 16; }
    map $http_upgrade $upgrading { default upgrade; "" ""; }`, port),
		Server: `
        location / {
            proxy_pass http://backend;
            proxy_http_version 1.1;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection $upgrading;
        }`,
	}
}

// published puts the shop into the registry.
func published(t *testing.T, e *testbed.Engine, registry, tag string) (ref string) {
	t.Helper()
	program, err := testbed.GoSource(t.Context(), "shop", examples.Source())
	if err != nil {
		t.Fatal(err)
	}
	ref = registry + "/shop:" + tag
	tb.Images(t, e, ref)
	s := testbed.ImageBuilder{Ref: ref, Binary: program, Cmd: []string{"api"}, Env: []string{"TAG=" + tag}}
	if err := s.Push(t.Context()); err != nil {
		t.Fatal(err)
	}
	return ref
}

// running pulls the image and runs it with its port 3000 on the given one.
func running(t *testing.T, e *testbed.Engine, ref string, port int) (id string) {
	t.Helper()
	if err := e.Pull(t.Context(), ref); err != nil {
		t.Fatal(err)
	}
	c, err := e.Client.ContainerCreate(t.Context(),
		&container.Config{Image: ref, Env: []string{"COLOR=blue"}, ExposedPorts: nat.PortSet{"3000/tcp": {}}},
		&container.HostConfig{PortBindings: nat.PortMap{"3000/tcp": {{HostIP: "127.0.0.1", HostPort: fmt.Sprint(port)}}}}, nil, nil, "")
	if err != nil {
		t.Fatal(err)
	}
	tb.Container(t, e, c.ID)
	if err := e.Client.ContainerStart(t.Context(), c.ID, container.StartOptions{}); err != nil {
		t.Fatal(err)
	}
	tb.Until(t, patience, "the shop", func() error { return answers(t, port) })
	return c.ID
}

// reach waits until the live report is as the condition asks.
func reach(t *testing.T, r *load.Runner, what string, cond func(load.Report) bool) {
	t.Helper()
	tb.Until(t, 60*time.Second, what, func() error {
		if got := r.Report(); !cond(got) {
			return errors.New(got.String())
		}
		return nil
	})
}

func TestRun_SeesThroughNginxHowTheBackendDiesAndComesBack(t *testing.T) {
	e := tb.Engine(t)
	ref := published(t, e, tb.Registry(t, testbed.RegistryOptions{}).Addr(), "1.0")
	port := tb.Ports(t, 1)[0]
	id := running(t, e, ref, port)
	n := tb.Nginx(t, testbed.NginxOptions{}, func(*testbed.Nginx) testbed.NginxConfig { return site(port) })
	r, err := load.Run(t.Context(), load.Options{URL: n.URL(), Connections: 8, PostEvery: 4, Think: time.Millisecond, WebSockets: 3})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Stop() })

	// More requests than the thousand after which Nginx ends a connection.
	reach(t, r, "9000 requests", func(got load.Report) bool { return got.Requests >= 9000 && len(got.Sessions) == 3 })
	calm := r.Report()
	if err := calm.Err(); err != nil {
		t.Errorf("before the kill: %v", err)
	}
	if calm.Opened <= 8 || calm.Color("blue") != calm.Requests || calm.Tag("1.0") != calm.Requests || calm.Posts == 0 {
		t.Errorf("before the kill: %s over %d connections with %d posts, want every answer from blue 1.0 and connections that were ended in order", calm, calm.Opened, calm.Posts)
	}

	if err := e.Client.ContainerKill(t.Context(), id, "KILL"); err != nil {
		t.Fatal(err)
	}
	reach(t, r, "failures of GET, POST and WebSockets", func(got load.Report) bool {
		return got.FailedPosts > 0 && got.Failed > got.FailedPosts && got.Kinds[load.Status] > 0 && len(got.Early()) == 3
	})
	away := time.Now()
	reach(t, r, "more failures", func(got load.Report) bool { return got.Kinds[load.Status] >= 100 })
	outage := time.Since(away)
	if err := e.Client.ContainerStart(t.Context(), id, container.StartOptions{}); err != nil {
		t.Fatal(err)
	}
	answered := r.Report().Color("blue")
	reach(t, r, "answers again", func(got load.Report) bool { return got.Color("blue") > answered+1000 && len(got.Sessions) >= 6 })

	got := r.Stop()
	if got.Err() == nil || got.Failed+got.Color("blue") != got.Requests {
		t.Errorf("at the end: %s, want each request either answered by blue or failed", got)
	}
	if got.Outage < outage || got.LongestGap < got.Outage {
		t.Errorf("outage %s, longest gap %s; want an outage of at least %s, and no shorter gap", got.Outage, got.LongestGap, outage)
	}
	t.Log(got)
}
