package compose_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/docker/docker/api/types/image"

	"tandem/internal/harness/testbed"
	"tandem/internal/harness/testbed/tb"
	"tandem/reconciler/deploy"
)

// onBase makes a Dockerfile begin with an image.
func onBase(ref, step string) string { return "FROM " + ref + "\n" + step + "ENV VERSION=based\n" }

// temporary tells whether the error says nothing of the release, for that reason.
func temporary(err error, reason deploy.Reason) bool {
	var t *deploy.TemporaryError
	return errors.As(err, &t) && t.Reason == reason
}

func TestUp_TakesABaseImageFromARegistryThatWantsALogin(t *testing.T) {
	bothBuilders(t, "base", func(t *testing.T, name, step string) {
		b := building(t, name, "")
		login := testbed.Login{User: "tandem", Password: "sesame"}
		r := tb.Registry(t, testbed.RegistryOptions{Login: login})
		ref := b.publish(r, login, "1", "of "+b.app.Name)
		b.write("Dockerfile", onBase(ref, step))
		if err := b.attempt(); !temporary(err, deploy.PullFailed) {
			t.Fatalf("without a login Up said %v, want that it may go better", err)
		}
		b.login(r.Addr(), login)
		b.up(deploy.Blue)
		b.answers(deploy.Blue, "based blue")
		t.Cleanup(func() {
			_, _ = b.engine.Client.ImageRemove(t.Context(), ref, image.RemoveOptions{})
		})
	})
}

func TestUp_ABaseImageThatIsNotThereIsAFailedBuild(t *testing.T) {
	bothBuilders(t, "nobase", func(t *testing.T, name, step string) {
		r := tb.Registry(t, testbed.RegistryOptions{})
		b := building(t, name, onBase(r.Addr()+"/probe:gone", step))
		if bad := b.rejected(); !strings.Contains(bad.Detail, "base image") {
			t.Errorf("it says %q", bad.Detail)
		}
	})
}

func TestUp_ARegistryThatIsAwayIsNoFailedBuild(t *testing.T) {
	bothBuilders(t, "awaybase", func(t *testing.T, name, step string) {
		r := tb.Registry(t, testbed.RegistryOptions{})
		if err := r.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
		b := building(t, name, onBase(r.Addr()+"/probe:1", step))
		if err := b.attempt(); !temporary(err, deploy.PullFailed) {
			t.Errorf("Up said %v, want that it may go better", err)
		}
	})
}

func TestUp_ADockerfileThatCannotBeReadIsAFailedBuild(t *testing.T) {
	for what, dockerfile := range map[string]string{
		"no instruction": "FROM scratch\nCOYP probe /\n", "a missing file": "FROM scratch\nCOPY nothing /\n",
		"a missing file, for BuildKit": "# syntax-free\nFROM scratch\nCOPY --link nothing /\n",
		"no flag that exists":          "FROM scratch\nCOPY --nonsense probe /\n",
	} {
		t.Run(what, func(t *testing.T) {
			b := building(t, "unread", dockerfile)
			if bad := b.rejected(); bad.Detail == "" {
				t.Error("it says nothing")
			}
		})
	}
}

// TestUp_ABuildHasASecretThatNoLayerHas gives a step a file and the content of a variable.
func TestUp_ABuildHasASecretThatNoLayerHas(t *testing.T) {
	b := building(t, "buildsecret", strings.Replace(probeDockerfile, "ENTRYPOINT",
		"RUN --mount=type=secret,id=key,required=true [\"/probe\", \"sha\", \"/run/secrets/key\", \""+sumOfPlanted+"\"]\nENTRYPOINT", 1))
	b.write("compose.yaml", strings.Replace(buildFile, "context: .", "context: ., secrets: [key]", 1)+"secrets: {key: {environment: KEY}}\n")
	b.app.Env = map[string]string{"KEY": tb.Planted}
	b.up(deploy.Blue)
	b.answers(deploy.Blue, "one blue")
	if b.holds(b.app.Name+"-api:1", "/run/secrets/key") {
		t.Error("the secret is in the image")
	}
	history, err := b.engine.Client.ImageHistory(t.Context(), b.app.Name+"-api:1")
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range history {
		if strings.Contains(h.CreatedBy, tb.Planted) {
			t.Errorf("the history tells it: %s", h.CreatedBy)
		}
	}
}

// TestUp_WhatABuildLeavesBehindIsRemovedOneDay looks at the first stage of two, which has no
// name, and at one that is nobody's.
func TestUp_WhatABuildLeavesBehindIsRemovedOneDay(t *testing.T) {
	b := building(t, "stages", "FROM scratch AS first\nCOPY probe /first\n"+strings.Replace(probeDockerfile, "ENTRYPOINT", "COPY --from=first /first /first\nENTRYPOINT", 1))
	b.up(deploy.Blue)
	if _, stages := b.built(); len(stages) == 0 {
		t.Fatal("the classic builder kept nothing of the first stage for the next build")
	}
	b.client.PruneBuildCache(t.Context(), b.app, 0)
	named, stages := b.built()
	if len(stages) > 0 {
		t.Errorf("%d stages are left", len(stages))
	}
	if len(named) != 1 {
		t.Errorf("%d images have a name, want the one that runs", len(named))
	}
	b.answers(deploy.Blue, "one blue")
}
