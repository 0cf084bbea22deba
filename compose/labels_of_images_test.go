package compose_test

import (
	"testing"

	"tandem/internal/harness/testbed"
	"tandem/internal/harness/testbed/tb"
	"tandem/reconciler/deploy"
)

// TestUp_LabelsOfAnImageDecideNothing gives images labels by which containers are found,
// or are not: the engine gives them on to a container.
func TestUp_LabelsOfAnImageDecideNothing(t *testing.T) {
	for name, labels := range map[string]map[string]string{
		"a hook":          {"com.docker.compose.hook": "pre_start"},
		"a run beside":    {"com.docker.compose.oneoff": "True"},
		"another project": {"com.docker.compose.project": "other", "com.docker.compose.service": "other"},
		"a migration":     {"dev.tandem.migration": "expand", "dev.tandem.release": "1@x", "dev.tandem.app": "other"},
		"another color":   {"dev.tandem.color": "green", "dev.tandem.services": "gone,away*9", "dev.tandem.root": "/"},
		"a replacement":   {"com.docker.compose.replace": "x", "com.docker.compose.slug": "y", "dev.tandem.restart": "always"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBed(t, "imagelabel")
			ref := b.image + ":labelled"
			tb.Images(t, b.engine, ref)
			err := b.engine.BuildImage(t.Context(), testbed.ImageBuilder{
				Ref: ref, Binary: tb.GoBinary(t, "testdata/probe"), Cmd: []string{"serve"}, Env: []string{"VERSION=1"}, Labels: labels,
			})
			if err != nil {
				t.Fatal(err)
			}
			b.runs(ref)
			b.up(deploy.Blue)
			b.answers(deploy.Blue, "1 blue")
			before := b.stack(deploy.Blue)
			if before.Condition != deploy.Running || before.Release != b.app.Release || len(before.Containers) != 1 || before.Color != deploy.Blue {
				t.Fatalf("it is seen as %+v", before)
			}
			b.up(deploy.Blue)
			if after := b.stack(deploy.Blue); after.Instance() != before.Instance() {
				t.Errorf("the same release was started anew: %+v", after)
			}
			if err := b.client.Forget(t.Context(), b.app, deploy.ExpandMigration); err != nil {
				t.Error(err)
			}
			if green := b.stack(deploy.Green); green.Condition != deploy.Absent {
				t.Errorf("it is in the green stack, too: %+v", green)
			}
		})
	}
}
