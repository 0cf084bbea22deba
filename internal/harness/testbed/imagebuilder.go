package testbed

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"time"

	dockerspec "github.com/moby/docker-image-spec/specs-go/v1"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// Healthcheck is an image's health command, as in a Dockerfile.
type Healthcheck = dockerspec.HealthcheckConfig

// ImageBuilder makes an image that holds nothing but one static program.
type ImageBuilder struct {
	Ref         string // the name to give it, with a tag
	Binary      string // the program on this machine; it becomes "/<base name>", the entry point
	Cmd         []string
	Env         []string // "NAME=value"
	Labels      map[string]string
	Healthcheck *Healthcheck
}

// BuildImage makes the image without a builder, by loading an archive into
// the engine. The same input gives the same image id, and another name gives
// another one: two tests with one image would remove it under each other's feet.
func (e *Engine) BuildImage(ctx context.Context, s ImageBuilder) error {
	archive, err := s.archive()
	if err != nil {
		return fmt.Errorf("build %s: %w", s.Ref, err)
	}
	res, err := e.Client.ImageLoad(ctx, archive)
	if err != nil {
		return fmt.Errorf("build %s: %w", s.Ref, err)
	}
	return Finish("build "+s.Ref, res.Body)
}

// Push makes the image and puts it into the registry that its name begins with, which
// takes no password. No engine has to do anything for that: unlike one that
// BuildImage makes and Engine.Push pushes, it is on no machine until it is pulled.
func (s ImageBuilder) Push(ctx context.Context) error {
	layer, err := layerOf(s.Binary)
	if err != nil {
		return fmt.Errorf("push %s: %w", s.Ref, err)
	}
	to, tag := parseRemote(s.Ref)
	if err := to.putImage(ctx, tag, s.config(layer), nil, layer.packed); err != nil {
		return fmt.Errorf("push %s: %w", s.Ref, err)
	}
	return nil
}

// archive returns the image in the format of "docker save".
func (s ImageBuilder) archive() (io.Reader, error) {
	layer, err := layerOf(s.Binary)
	if err != nil {
		return nil, err
	}
	config, err := json.Marshal(s.config(layer))
	if err != nil {
		return nil, err
	}
	configName := fmt.Sprintf("%x.json", sha256.Sum256(config))
	manifest, err := json.Marshal([]map[string]any{{
		"Config": configName, "RepoTags": []string{s.Ref}, "Layers": []string{layerName},
	}})
	if err != nil {
		return nil, err
	}
	description, err := tarball(entry{configName, config, 0o644}, entry{"manifest.json", manifest, 0o644})
	return io.MultiReader(bytes.NewReader(layer.header), bytes.NewReader(layer.packed), bytes.NewReader(description)), err
}

// layer is one that has a program alone.
type layer struct {
	program string // its path, time and size
	packed  []byte // whole blocks of an archive, so another may go on after it
	header  []byte // what comes before packed in an image's archive
	digest  digest.Digest
}

const layerName = "layer.tar"

// layers holds the last one of each name that this process packed. Most tests make
// several images of the same few programs, and packing one is slow where every access
// to memory is watched for races. One a name, because some tests make hundreds of
// programs, of ten megabytes each.
var layers sync.Map

// layerOf packs the program, or has done so before.
func layerOf(binary string) (layer, error) {
	info, err := os.Stat(binary)
	if err != nil {
		return layer{}, err
	}
	name, program := filepath.Base(binary), fmt.Sprint(binary, info.ModTime(), info.Size())
	if last, ok := layers.Load(name); ok && last.(layer).program == program {
		return last.(layer), nil
	}
	data, err := os.ReadFile(binary)
	if err != nil {
		return layer{}, err
	}
	packed, err := tarball(entry{name, data, 0o755})
	if err != nil {
		return layer{}, err
	}
	var header bytes.Buffer
	if err := tar.NewWriter(&header).WriteHeader(&tar.Header{Name: layerName, Mode: 0o644, Size: int64(len(packed))}); err != nil {
		return layer{}, err
	}
	l := layer{program, packed, header.Bytes(), digest.FromBytes(packed)}
	layers.Store(name, l)
	return l, nil
}

func (s ImageBuilder) config(l layer) dockerspec.DockerOCIImage {
	entrypoint := "/" + filepath.Base(s.Binary)
	// A fixed date: with the real one, no two builds would have the same id.
	created := time.Date(2026, time.January, 1, 0, 0, 0, 0, time.UTC)
	var c dockerspec.DockerOCIImage
	c.Created = &created
	c.Platform = ocispec.Platform{OS: "linux", Architecture: runtime.GOARCH}
	c.RootFS = ocispec.RootFS{Type: "layers", DiffIDs: []digest.Digest{l.digest}}
	c.History = []ocispec.History{{Created: &created, CreatedBy: "COPY " + entrypoint, Comment: s.Ref}}
	c.Config.Entrypoint = []string{entrypoint}
	c.Config.Cmd = s.Cmd
	c.Config.Env = s.Env
	c.Config.Labels = s.Labels
	c.Config.WorkingDir = "/"
	c.Config.Healthcheck = s.Healthcheck
	return c
}

type entry struct {
	name string
	data []byte
	mode fs.FileMode
}

func tarball(entries ...entry) ([]byte, error) {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, e := range entries {
		h := &tar.Header{Name: e.name, Mode: int64(e.mode), Size: int64(len(e.data))}
		if err := w.WriteHeader(h); err != nil {
			return nil, err
		}
		if _, err := w.Write(e.data); err != nil {
			return nil, err
		}
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}
