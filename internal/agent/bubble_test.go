package agent

import (
	"context"
	"fmt"
	"os"
	"slices"
	"testing"

	"tandem/internal/testbed/bubbles"
)

// TestMain lets the tests' own program make the trials of the agents in it.
func TestMain(m *testing.M) {
	if slices.Equal(os.Args[1:], []string{TrialCommand}) {
		if err := Trial(context.Background(), os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	bubbles.Main(m)
}
