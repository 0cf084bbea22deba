package scaffold

import (
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
)

var (
	fromPattern   = regexp.MustCompile(`(?i)^\s*FROM\s+(?:--\S+\s+)*(\S+)(?:\s+AS\s+(\S+))?`)
	exposePattern = regexp.MustCompile(`(?i)^\s*EXPOSE\s+(.+)`)
	argPattern    = regexp.MustCompile(`(?i)^\s*ARG\s+([A-Za-z_]\w*)=["']?([^"'\s]+)`)
)

// stage is one part of a Dockerfile.
type stage struct {
	name, from string
	expose     []int
}

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
	return finalStage(text, b.Target)
}

// finalStage follows a stage of a Dockerfile, the last one if none is named, to the image
// that it is built from.
func finalStage(text, target string) (base image, expose []int) {
	args := map[string]string{}
	var stages []stage
	for line := range strings.Lines(text) {
		if m := argPattern.FindStringSubmatch(line); m != nil {
			args[m[1]] = m[2]
		}
		if m := fromPattern.FindStringSubmatch(line); m != nil {
			from := os.Expand(m[1], func(name string) string {
				name, otherwise, _ := strings.Cut(name, ":-")
				if v, ok := args[name]; ok {
					return v
				}
				return otherwise
			})
			stages = append(stages, stage{name: strings.ToLower(m[2]), from: from})
		}
		if m := exposePattern.FindStringSubmatch(line); m != nil && len(stages) > 0 {
			last := &stages[len(stages)-1]
			for field := range strings.FieldsSeq(m[1]) {
				number, protocol, _ := strings.Cut(field, "/")
				if port, err := strconv.Atoi(number); err == nil && protocol != "udp" {
					last.expose = append(last.expose, port)
				}
			}
		}
	}
	at := len(stages) - 1
	for i, st := range stages {
		if target != "" && st.name == strings.ToLower(target) {
			at = i
		}
	}
	for at >= 0 {
		expose = append(expose, stages[at].expose...)
		from, next := stages[at].from, -1
		for i := range at {
			if stages[i].name != "" && stages[i].name == strings.ToLower(from) {
				next = i
			}
		}
		if next < 0 {
			return parseImage(from), expose
		}
		at = next
	}
	return image{}, nil
}
