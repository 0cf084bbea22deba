package stage

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/containerd/errdefs"
)

// The names of the files that Records reads.
const (
	Schedule   = "schedule"   // "start|stop|OVERLAP <host> <color> <tag> <unix nanoseconds>"
	Migrations = "migrations" // "begin|end|OVERLAP <name> <tag>"
)

// Records reads the lines that were recorded under a name. As long as there is no
// store, or nothing was recorded, there are none.
func (s *Stage) Records(ctx context.Context, name string) (lines []string, err error) {
	files, _, err := s.Engine.Client.CopyFromContainer(ctx, s.App+"-shared-store-1", "/data/"+name)
	if errdefs.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read record %s: %w", name, err)
	}
	defer func() { err = errors.Join(err, files.Close()) }()
	archive := tar.NewReader(files)
	if _, err := archive.Next(); err != nil {
		return nil, fmt.Errorf("read record %s: %w", name, err)
	}
	text, err := io.ReadAll(archive)
	if err != nil {
		return nil, fmt.Errorf("read record %s: %w", name, err)
	}
	for line := range strings.Lines(string(text)) {
		lines = append(lines, strings.TrimSuffix(line, "\n"))
	}
	return lines, nil
}
