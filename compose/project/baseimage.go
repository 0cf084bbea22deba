package project

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"

	"tandem/internal/lib/rootfile"
)

// maxDockerfile is the longest Dockerfile that is looked at, in bytes.
const maxDockerfile = 256 << 10

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

// BaseImage is the image that a build begins with: what the last stage of its Dockerfile, or
// the stage that it names, is FROM. It is "" where that cannot be told. Only files below
// root are read.
func BaseImage(ctx context.Context, root string, build *types.BuildConfig) string {
	if build == nil {
		return ""
	}
	text := build.DockerfileInline
	if text == "" {
		name := build.Dockerfile
		if name == "" {
			name = "Dockerfile"
		}
		if !filepath.IsAbs(name) {
			name = filepath.Join(build.Context, name)
		}
		data, err := rootfile.Read(ctx, root, rootfile.Relative(root, name), maxDockerfile)
		if err != nil {
			return ""
		}
		text = string(data)
	}
	base, _ := FinalStage(text, build.Target)
	return base
}

// FinalStage follows a stage of a Dockerfile, the last one if none is named, to the image
// that it is built from, "" if that cannot be told, and to the ports that it exposes.
func FinalStage(text, target string) (base string, expose []int) {
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
			return from, expose
		}
		at = next
	}
	return "", nil
}
