package project

import (
	"context"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"

	"tandem/internal/lib/rootfile"
)

// maxDockerfile is the longest Dockerfile that is looked at, in bytes.
const maxDockerfile = 256 << 10

var (
	fromLine = regexp.MustCompile(`(?im)^\s*FROM\s+(?:--\S+\s+)*(\S+)(?:\s+AS\s+(\S+))?\s*$`)
	argument = regexp.MustCompile(`\$\{?[A-Za-z_][A-Za-z0-9_]*:?-?([^}]*)\}?`)
)

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
	base, image := map[string]string{}, "" // of each stage; of the last one
	for _, m := range fromLine.FindAllStringSubmatch(text, -1) {
		image = argument.ReplaceAllString(m[1], "$1")
		if of, isStage := base[strings.ToLower(image)]; isStage {
			image = of
		}
		if stage := strings.ToLower(m[2]); stage != "" {
			base[stage] = image
			if stage == strings.ToLower(build.Target) {
				return image
			}
		}
	}
	return image
}
