package scaffold

import (
	"os"
	"path/filepath"

	"github.com/compose-spec/compose-go/v2/types"

	"tandem/compose/project"
)

// dockerfileOf tells what a service's Dockerfile is built from in the end, and which ports
// it exposes. What cannot be read is not known.
func (s *Source) dockerfileOf(config types.ServiceConfig) (base image, expose []int) {
	b := config.Build
	if b == nil {
		return image{}, nil
	}
	text := b.DockerfileInline
	if text == "" {
		name := b.Dockerfile
		if name == "" {
			name = "Dockerfile"
		}
		rel, local := s.inside(filepath.Join(b.Context, name))
		data, err := os.ReadFile(filepath.Join(s.Dir, rel))
		if !local || err != nil {
			return image{}, nil
		}
		text = string(data)
	}
	from, expose := project.FinalStage(text, b.Target)
	if from == "" {
		return image{}, expose
	}
	return parseImage(from), expose
}
