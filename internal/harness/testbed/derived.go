package testbed

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"path"
	"slices"
	"strings"

	dockerspec "github.com/moby/docker-image-spec/specs-go/v1"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// Derived is an image of a registry with one more layer than another one there. Both
// repositories take no password.
type Derived struct {
	From, Ref string            // names with a tag, in the same registry
	Files     map[string]string // the content of files, by their path from the root
	Without   []string          // the paths of files that From has and Ref has not
}

// Push makes the image in the registry; no engine has to build anything for that.
func (d Derived) Push(ctx context.Context) error {
	if err := d.push(ctx); err != nil {
		return fmt.Errorf("derive %s from %s: %w", d.Ref, d.From, err)
	}
	return nil
}

func (d Derived) push(ctx context.Context) error {
	from, fromTag := parseRemote(d.From)
	to, tag := parseRemote(d.Ref)
	var manifest ocispec.Manifest
	if err := from.get(ctx, &manifest, "manifests", fromTag); err != nil {
		return err
	}
	var config dockerspec.DockerOCIImage
	if err := from.get(ctx, &config, "blobs", manifest.Config.Digest.String()); err != nil {
		return err
	}
	layer, err := d.layer()
	if err != nil {
		return err
	}
	config.RootFS.DiffIDs = append(config.RootFS.DiffIDs, digest.FromBytes(layer))
	config.History = append(config.History, ocispec.History{CreatedBy: "COPY", Comment: d.Ref})
	for _, l := range manifest.Layers {
		if err := to.mount(ctx, l.Digest, from.repository); err != nil {
			return err
		}
	}
	return to.putImage(ctx, tag, config, manifest.Layers, layer)
}

// layer is the archive of what is different. A file that is gone is one by another
// name, ".wh.<name>", by the OCI Image Layer Filesystem Changeset.
func (d Derived) layer() ([]byte, error) {
	var entries []entry
	for _, name := range slices.Sorted(maps.Keys(d.Files)) {
		entries = append(entries, entry{strings.TrimPrefix(name, "/"), []byte(d.Files[name]), 0o644})
	}
	for _, name := range d.Without {
		dir, file := path.Split(strings.TrimPrefix(name, "/"))
		entries = append(entries, entry{dir + ".wh." + file, nil, 0o644})
	}
	return tarball(entries...)
}

// get decodes a manifest or a blob.
func (r remote) get(ctx context.Context, into any, elem ...string) error {
	_, text, err := r.send(ctx, request{method: http.MethodGet, url: r.url(elem...), want: []int{http.StatusOK}})
	if err != nil {
		return err
	}
	return json.Unmarshal(text, into)
}
