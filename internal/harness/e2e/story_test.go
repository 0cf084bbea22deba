package e2e

import (
	"testing"

	"tandem/internal/harness/stage"
	"tandem/reconciler/deploy"
)

// The main job, in the order in which a user meets it: a first deploy on an
// empty machine, a tag bump under load, and its revert.
func TestStory(t *testing.T) {
	t.Parallel()
	w := wholeStage(t, stage.Options{})
	w.start()
	w.build("1.0.0")
	w.build("1.1.0")

	first := w.push(stage.Desired{Tag: "1.0.0", Color: "blue"})
	w.addSite()
	w.live(first, "1.0.0", deploy.Blue)

	traffic := w.traffic()
	bump := w.push(stage.Desired{Tag: "1.1.0", Color: "green"})
	w.live(bump, "1.1.0", deploy.Green)

	revert := w.revert()
	w.live(revert, "1.0.0", deploy.Blue)
	w.unharmed(traffic)
}
