package compose

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/types"

	"tandem/reconciler/deploy"
)

func TestNeedOf_ReadsThePullPolicy(t *testing.T) {
	cases := []struct {
		image, policy string
		here          bool
		age           time.Duration
		forcePull     forcePull
		want          need
	}{
		{"a:1", "", false, 0, honourPolicy, mustPull},
		{"a:1", "", true, 0, honourPolicy, useLocal},
		{"a:latest", "", true, 0, honourPolicy, preferRemote},
		{"a", "", true, 0, honourPolicy, preferRemote},
		{"host:5000/a", "", true, 0, honourPolicy, preferRemote},
		{"a@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef", "", true, 0, honourPolicy, useLocal},
		{"a:latest", "missing", true, 0, honourPolicy, useLocal},
		{"a:latest", "if_not_present", true, 0, honourPolicy, useLocal},
		{"a:1", "always", true, 0, honourPolicy, mustPull},
		{"a:1", "always", true, 0, whenMissing, useLocal},
		{"a:latest", "", true, 0, whenMissing, useLocal},
		{"a:1", "always", false, 0, whenMissing, mustPull},
		{"a:1", "never", false, 0, honourPolicy, useLocal},
		{"a:latest", "never", true, 0, honourPolicy, useLocal},
		{"a:1", "daily", true, 23 * time.Hour, honourPolicy, useLocal},
		{"a:1", "daily", true, 25 * time.Hour, honourPolicy, preferRemote},
		{"a:1", "weekly", true, 25 * time.Hour, honourPolicy, useLocal},
		{"a:1", "every_2h", true, 3 * time.Hour, honourPolicy, preferRemote},
	}
	for _, c := range cases {
		s := types.ServiceConfig{Name: "api", Image: c.image, PullPolicy: c.policy}
		got, err := needOf(s, c.here, time.Now().Add(-c.age), c.forcePull)
		if err != nil || got != c.want {
			t.Errorf("%+v: got %d, %v", c, got, err)
		}
	}
	if _, err := needOf(types.ServiceConfig{PullPolicy: "sometimes"}, true, time.Time{}, honourPolicy); err == nil {
		t.Error("the policy \"sometimes\" was accepted")
	}
}

func TestPullError_TellsTheReleaseFromTheWorld(t *testing.T) {
	for text, want := range map[string]deploy.Reason{
		"manifest for a:9 not found: manifest unknown: manifest unknown":                                                             deploy.ImageNotFound,
		"pull access denied for a, repository does not exist or may require 'docker login': denied: requested access":                deploy.ImageNotFound,
		"no matching manifest for linux/arm64/v8 in the manifest list entries":                                                       deploy.ImageNotFound,
		"repository name not known to registry: name unknown":                                                                        deploy.ImageNotFound,
		"Get \"https://r/v2/\": unauthorized: authentication required":                                                               deploy.PullFailed,
		"Head \"http://r/v2/a/manifests/1\": no basic auth credentials":                                                              deploy.PullFailed,
		"toomanyrequests: You have reached your pull rate limit":                                                                     deploy.PullFailed,
		"Get \"https://r/v2/\": dial tcp 127.0.0.1:5000: connect: connection refused":                                                deploy.PullFailed,
		"Get \"https://r/v2/\": dial tcp: lookup r on 127.0.0.53:53: no such host":                                                   deploy.PullFailed,
		"Get \"https://r/v2/\": net/http: request canceled while waiting for connection (Client.Timeout exceeded)":                   deploy.PullFailed,
		"Get \"https://r/v2/a/blobs/sha256:1\": read tcp 127.0.0.1:1->127.0.0.1:2: read: connection reset by peer":                   deploy.PullFailed,
		"received unexpected HTTP status: 503 Service Unavailable":                                                                   deploy.PullFailed,
		"write /var/lib/docker/tmp/GetImageBlob1: no space left on device":                                                           deploy.DiskFull,
		"Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?: error during connect: x": deploy.DockerAway,
	} {
		err := pullError(context.Background(), "a:9", errors.New("Error response from daemon: "+text))
		var reject *deploy.RejectError
		var temporary *deploy.TemporaryError
		var got deploy.Reason
		switch {
		case errors.As(err, &reject):
			got = reject.Reason
		case errors.As(err, &temporary):
			got = temporary.Reason
		}
		if got != want {
			t.Errorf("%q: got %s (%v), want %s", text, got, err, want)
		}
	}
}
