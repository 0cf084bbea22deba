package compose

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/docker/docker/api/types/build"
	"github.com/moby/buildkit/frontend/dockerfile/parser"

	"tandem/compose/project"
	"tandem/reconciler/deploy"
)

// dockerfile is one that was read.
type dockerfile struct {
	text []byte
	tree *parser.Node
}

func parseDockerfile(text []byte) (dockerfile, error) {
	result, err := parser.Parse(bytes.NewReader(text))
	if err != nil {
		return dockerfile{}, &deploy.RejectError{Reason: deploy.BuildFailed, Detail: fmt.Sprintf("the Dockerfile cannot be read: %s", err)}
	}
	return dockerfile{text, result.AST}, nil
}

// newFlags are the flags of instructions that the classic builder does not know.
var newFlags = map[string][]string{
	"run":  {"--mount", "--network", "--security", "--device"},
	"copy": {"--link", "--parents", "--exclude", "--chmod"},
	"add":  {"--link", "--chmod", "--checksum", "--keep-git-dir", "--exclude", "--unpack"},
}

// wantsBuildKit tells whether the classic builder would not understand the file, and which
// part of it.
func (d dockerfile) wantsBuildKit() (because string) {
	if syntax, _, _, ok := parser.DetectSyntax(d.text); ok {
		return "# syntax=" + syntax
	}
	for _, n := range d.tree.Children {
		word := strings.ToLower(n.Value)
		if len(n.Heredocs) > 0 {
			return fmt.Sprintf("line %d: a heredoc", n.StartLine)
		}
		for _, flag := range n.Flags {
			if name, _, _ := strings.Cut(flag, "="); slices.Contains(newFlags[word], name) {
				return fmt.Sprintf("line %d: %s %s", n.StartLine, strings.ToUpper(word), name)
			}
		}
	}
	return ""
}

// labelled is the file with a label at the beginning of each of its stages. Whatever the
// classic builder keeps of a stage has it, so that it is known whose that is.
func (d dockerfile) labelled(key, value string) []byte {
	lines := bytes.SplitAfter(d.text, []byte("\n"))
	for _, n := range slices.Backward(d.tree.Children) {
		if strings.EqualFold(n.Value, "from") && n.EndLine <= len(lines) {
			label := fmt.Sprintf("LABEL %s=%q\n", key, value)
			if !bytes.HasSuffix(lines[n.EndLine-1], []byte("\n")) {
				label = "\n" + label
			}
			lines = slices.Insert(lines, n.EndLine, []byte(label))
		}
	}
	return bytes.Join(lines, nil)
}

// needsBuildKit tells which builder is to be taken: BuildKit where it is the engine's own
// choice, or where the build needs it. An engine that has none says so.
func (c *Client) needsBuildKit(ctx context.Context, d dockerfile, b project.Build) (bool, error) {
	ping, err := c.engine.Ping(ctx)
	if err != nil {
		return false, engineError(ctx, "ask Docker for its builder", err)
	}
	return ping.BuilderVersion == build.BuilderBuildKit || d.wantsBuildKit() != "" || len(b.Secrets) > 0, nil
}
