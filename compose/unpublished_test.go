package compose_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"testing"

	"github.com/docker/docker/api/types/container"

	"tandem/compose"
	"tandem/internal/harness/testbed/tb"
	"tandem/reconciler/deploy"
)

func TestUnpublished_IsWhatAContainerLacksOfWhatItWasMadeWith(t *testing.T) {
	const one = `{"80/tcp": [{"HostIp": "127.0.0.1", "HostPort": "3001"}]}`
	for name, c := range map[string]struct{ mode, wants, has, pending string }{
		"none of it, as Docker 29 has it": {"shop-blue_default", one, `{}`, "port 3001"},
		"null":                            {"bridge", one, `{"80/tcp": null}`, "port 3001"},
		"all of it":                       {"bridge", one, one, ""},
		"another port":                    {"bridge", one, `{"80/tcp": [{"HostIp": "127.0.0.1", "HostPort": "3009"}]}`, "port 3001"},
		"both addresses of it": {"bridge", `{"80/tcp": [{"HostIp": "", "HostPort": "3001"}]}`,
			`{"80/tcp": [{"HostIp": "0.0.0.0", "HostPort": "3001"}, {"HostIp": "::", "HostPort": "3001"}]}`, ""},
		"one of two": {"bridge", `{"53/udp": [{"HostIp": "127.0.0.1", "HostPort": "53"}], "80/tcp": [{"HostIp": "127.0.0.1", "HostPort": "3001"}]}`, one, "port 53/udp"},
		"one of a range": {"bridge", `{"80/tcp": [{"HostIp": "", "HostPort": "3000-3010"}]}`,
			`{"80/tcp": [{"HostIp": "0.0.0.0", "HostPort": "3004"}]}`, ""},
		"none of a range":       {"bridge", `{"80/tcp": [{"HostIp": "", "HostPort": "3000-3010"}]}`, `{}`, "a port for its 80/tcp"},
		"none of those free":    {"bridge", `{"80/tcp": [{"HostIp": "", "HostPort": ""}]}`, `{}`, "a port for its 80/tcp"},
		"for IPv6 alone":        {"bridge", `{"80/tcp": [{"HostIp": "::1", "HostPort": "3001"}]}`, `{}`, ""},
		"nothing":               {"bridge", `{}`, `{}`, ""},
		"the host's network":    {"host", one, `{}`, ""},
		"no network":            {"none", one, `{}`, ""},
		"another one's network": {"container:0123", one, `{}`, ""},
	} {
		var info container.InspectResponse
		text := fmt.Sprintf(`{"HostConfig": {"NetworkMode": %q, "PortBindings": %s}, "NetworkSettings": {"Ports": %s, "Networks": {}}}`, c.mode, c.wants, c.has)
		if err := json.Unmarshal([]byte(text), &info); err != nil {
			t.Fatal(err)
		}
		if got := compose.Unpublished(info); got != c.pending {
			t.Errorf("%s: it lacks %q, want %q", name, got, c.pending)
		}
	}
}

// cutOff takes a running container out of its network, and so its ports away: what Docker
// 29 does at the second start, on an engine of any version.
func (b *bed) cutOff(c deploy.Container) {
	b.t.Helper()
	info, err := b.engine.Client.ContainerInspect(b.t.Context(), c.ID)
	if err != nil {
		b.t.Fatal(err)
	}
	for name := range info.NetworkSettings.Networks {
		if err := b.engine.Client.NetworkDisconnect(b.t.Context(), name, c.ID, true); err != nil {
			b.t.Fatal(err)
		}
	}
}

// occupy has a port of 127.0.0.1 until the returned function is called.
func (b *bed) occupy(port int) (leave func()) {
	b.t.Helper()
	l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		b.t.Fatal(err)
	}
	return func() {
		if err := l.Close(); err != nil {
			b.t.Fatal(err)
		}
	}
}

func TestUp_AContainerThatRunsWithoutItsPortCountsAsNotStarted(t *testing.T) {
	b := newBed(t, "portless")
	port := b.app.Routes[0].Ports.Blue
	b.runs("IMAGE:1", "    network_mode: bridge\n  worker: {image: 'IMAGE:1', command: [wait], network_mode: none}\n")
	b.up(deploy.Blue)
	before := instances(b.stack(deploy.Blue))
	b.cutOff(b.instance(deploy.Blue, "api"))
	if s := b.stack(deploy.Blue); s.Condition != deploy.Broken || b.instance(deploy.Blue, "api").Unpublished != fmt.Sprintf("port %d", port) {
		t.Fatalf("observed %+v, want it broken", s)
	}
	leave := b.occupy(port)
	wantTemporary(t, b.attempt(), deploy.PortTaken, fmt.Sprintf("api-1 runs without port %d", port), fmt.Sprintf("port %d is in use by the program ", port))
	if now := instances(b.stack(deploy.Blue)); now["api"] != before["api"] {
		t.Errorf("the api was %s, is %s: want it left alone while somebody else has the port", before["api"], now["api"])
	}
	leave()
	b.up(deploy.Blue)
	b.answers(deploy.Blue, "1 blue")
	after := b.stack(deploy.Blue)
	if now := instances(after); now["api"] == before["api"] || now["worker"] != before["worker"] || after.Condition != deploy.Running {
		t.Errorf("containers were %v, are %v: want the api made anew, and nothing else", before, after)
	}
}

// A container on an internal network publishes nothing, and never will.
func TestUp_AnInternalNetworkPublishesNothing(t *testing.T) {
	b := newBed(t, "internal")
	b.runs("IMAGE:1", "    network_mode: bridge\n  worker: {image: 'IMAGE:1', command: [wait], networks: [walled], ports: ['8080']}\nnetworks: {walled: {internal: true}}\n")
	b.up(deploy.Blue)
	before := instances(b.stack(deploy.Blue))
	b.up(deploy.Blue)
	after := b.stack(deploy.Blue)
	if after.Condition != deploy.Running || instances(after)["worker"] != before["worker"] {
		t.Errorf("containers were %v, are %v: want it as it was", before, after)
	}
}

// A database that runs without its port is made anew once it can have it, with what it
// keeps. While somebody else has the port, nobody waits for it. A singleton is no different.
func TestUp_SharedServicesAndSingletonsThatRunWithoutTheirPorts(t *testing.T) {
	b := newBed(t, "portless-db")
	port := tb.Ports(t, 1)[0]
	b.app.Singletons, b.app.Shared = []string{"scheduler"}, "compose.shared.yaml"
	b.write(b.app.Shared, fmt.Sprintf("services: {db: {image: 'IMAGE:1', network_mode: bridge, volumes: [/kept], ports: ['%d:8080']}}\n", port))
	b.runs("IMAGE:1", "    network_mode: bridge\n  scheduler: {image: 'IMAGE:1', command: [wait], network_mode: bridge, ports: ['8080']}\n")
	b.up(deploy.Blue)
	b.startSingletons(deploy.Blue)
	db, scheduler := b.db(), b.instance(deploy.Blue, "scheduler")
	volume := b.mountOf(db)
	b.cutOff(db)
	b.cutOff(scheduler)
	leave := b.occupy(port)
	b.up(deploy.Blue)
	if now := b.db(); now.ID != db.ID || now.Up() {
		t.Errorf("the database is %+v, want it to run on without its port", now)
	}
	leave()
	b.up(deploy.Blue)
	if now := b.db(); now.ID == db.ID || !now.Up() || b.mountOf(now) != volume {
		t.Errorf("the database is %+v on %s, want it made anew on %s", now, b.mountOf(now), volume)
	}
	b.wantSingletons(deploy.Blue, deploy.SingletonsPartly)
	b.startSingletons(deploy.Blue)
	b.wantSingletons(deploy.Blue, deploy.SingletonsRunning)
	if now := b.instance(deploy.Blue, "scheduler"); now.ID == scheduler.ID || !now.Up() {
		t.Errorf("the scheduler is %+v, want it made anew", now)
	}
}

func (b *bed) db() deploy.Container {
	b.t.Helper()
	s, err := b.client.Shared(b.t.Context(), b.app)
	if err != nil || len(s.Containers) != 1 {
		b.t.Fatalf("the shared stack is %+v (%v), want one container", s, err)
	}
	return s.Containers[0]
}

// What each engine says of one and the same fault.
var takenWords = map[string]string{
	"20.10": "driver failed programming external connectivity on endpoint x (5f): Error starting userland proxy: listen tcp4 127.0.0.1:PORT: bind: address already in use",
	"26.1":  "driver failed programming external connectivity on endpoint x (5f): failed to bind port 127.0.0.1:PORT/tcp: Error starting userland proxy: listen tcp4 127.0.0.1:PORT: bind: address already in use",
	"28.5":  "failed to set up container networking: driver failed programming external connectivity on endpoint x (5f): failed to bind host port for 127.0.0.1:PORT:172.17.0.2:80/tcp: address already in use",
	"29":    "failed to set up container networking: driver failed programming external connectivity on endpoint x (5f): failed to bind host port 127.0.0.1:PORT/tcp: address already in use",
	"none":  "the port is somebody else's",
}

func TestRejection_ATakenPortIsToldWhateverTheEngineSays(t *testing.T) {
	b := newBed(t, "words")
	port := strconv.Itoa(b.app.Routes[0].Ports.Blue)
	b.runs("IMAGE:1", "    network_mode: bridge\n")
	leave := b.occupy(b.app.Routes[0].Ports.Blue)
	if err := b.attempt(); err == nil {
		t.Fatal("the stack came up on a port that is taken")
	}
	rejection := func(words string) error {
		words = strings.ReplaceAll(words, "PORT", port)
		return b.client.Rejection(t.Context(), b.app.Project(deploy.Blue), errors.New("Error response from daemon: "+words))
	}
	for version, words := range takenWords {
		t.Log(version)
		wantTemporary(t, rejection(words), deploy.PortTaken, "port "+port+" is in use by the program ", "(pid ")
	}
	leave()
	for version, words := range takenWords {
		if version != "none" { // it was taken a moment ago: then its words are all there is
			t.Log(version)
			wantTemporary(t, rejection(words), deploy.PortTaken, "port "+port+" is in use by another program")
		}
	}
	for _, words := range []string{takenWords["none"], "failed to set up container networking: something is missing", "address already in use"} {
		var temporary *deploy.TemporaryError
		if err := rejection(words); err == nil || errors.As(err, &temporary) || strings.Contains(err.Error(), "is in use by") {
			t.Errorf("%s: got %v, want no word of a taken port, because it is free", words, err)
		}
	}
}
