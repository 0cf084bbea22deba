package agent

import (
	"context"
	"io"

	"tandem/compose/project"
)

// TrialCommand is the argument with which the program that has an agent in it has to
// call Trial: the agent starts it so before it reads a release's Compose files itself.
const TrialCommand = "trial"

// Trial reads Compose files in a process of its own, on behalf of an agent that gave
// the job to its standard input. It limits the whole process.
func Trial(ctx context.Context, in io.Reader, out io.Writer) error {
	return project.RunTrial(ctx, in, out)
}
