package testbed

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"

	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// remote is one repository of a registry on this machine, by the OCI Distribution
// Specification. It speaks for those who make images without an engine.
type remote struct{ base, repository string }

// parseRemote takes a name with a tag apart.
func parseRemote(ref string) (r remote, tag string) {
	host, path, _ := strings.Cut(ref, "/")
	repository, tag, _ := strings.Cut(path, ":")
	return remote{"http://" + host, repository}, tag
}

// The types of what Docker's images are made of, by the Image Manifest Version 2,
// Schema 2. A layer is not compressed: nobody waits for a slow network here.
const (
	manifestType = "application/vnd.docker.distribution.manifest.v2+json"
	configType   = "application/vnd.docker.container.image.v1+json"
	layerType    = "application/vnd.docker.image.rootfs.diff.tar"
)

// putImage puts an image there that has a layer on top of those that are there.
func (r remote) putImage(ctx context.Context, tag string, config any, below []ocispec.Descriptor, top []byte) error {
	text, err := json.Marshal(config)
	if err != nil {
		return err
	}
	manifest, err := json.Marshal(ocispec.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2},
		MediaType: manifestType,
		Config:    descriptor(configType, text),
		Layers:    append(slices.Clone(below), descriptor(layerType, top)),
	})
	if err != nil {
		return err
	}
	for _, blob := range [][]byte{top, text} {
		if err := r.putBlob(ctx, blob); err != nil {
			return err
		}
	}
	_, _, err = r.send(ctx, request{http.MethodPut, r.url("manifests", tag), manifestType, manifest, []int{http.StatusCreated}})
	return err
}

func descriptor(kind string, blob []byte) ocispec.Descriptor {
	return ocispec.Descriptor{MediaType: kind, Digest: digest.FromBytes(blob), Size: int64(len(blob))}
}

// holders has for each blob that this process has put into a registry in which
// repository it is: from there, others get it without its bytes.
var holders sync.Map

// putBlob puts a blob there, unless it is there.
func (r remote) putBlob(ctx context.Context, blob []byte) error {
	d := digest.FromBytes(blob)
	res, _, err := r.send(ctx, request{method: http.MethodHead, url: r.url("blobs", d.String()), want: []int{http.StatusOK, http.StatusNotFound}})
	if err != nil || res.StatusCode == http.StatusOK {
		return err
	}
	var from string
	if holder, ok := holders.Swap(r.base+d.String(), r.repository); ok {
		from = holder.(string)
	}
	upload, err := r.begin(ctx, d, from)
	if err != nil || upload == nil {
		return err
	}
	query := upload.Query()
	query.Set("digest", d.String())
	upload.RawQuery = query.Encode()
	_, _, err = r.send(ctx, request{http.MethodPut, upload.String(), "application/octet-stream", blob, []int{http.StatusCreated}})
	return err
}

// mount takes a blob from another repository of the registry.
func (r remote) mount(ctx context.Context, d digest.Digest, from string) error {
	upload, err := r.begin(ctx, d, from)
	if err == nil && upload != nil {
		err = fmt.Errorf("%s has no %s", from, d)
	}
	return err
}

// begin returns where to upload a blob to, and nil when another repository had it.
func (r remote) begin(ctx context.Context, d digest.Digest, from string) (*url.URL, error) {
	to := r.url("blobs", "uploads") + "/"
	if from != "" {
		to += "?" + url.Values{"mount": {d.String()}, "from": {from}}.Encode()
	}
	res, _, err := r.send(ctx, request{method: http.MethodPost, url: to, want: []int{http.StatusCreated, http.StatusAccepted}})
	if err != nil || res.StatusCode == http.StatusCreated {
		return nil, err
	}
	return res.Location()
}

func (r remote) url(elem ...string) string {
	return r.base + "/v2/" + r.repository + "/" + strings.Join(elem, "/")
}

// request is one of a registry, and which answers to it are no errors.
type request struct {
	method, url string
	contentType string // "": without a body
	body        []byte
	want        []int
}

// send returns the answer, and its body.
func (r remote) send(ctx context.Context, q request) (*http.Response, []byte, error) {
	req, err := http.NewRequestWithContext(ctx, q.method, q.url, bytes.NewReader(q.body))
	if err != nil {
		return nil, nil, err
	}
	req.Header.Set("Accept", manifestType)
	if q.contentType != "" {
		req.Header.Set("Content-Type", q.contentType)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, nil, err
	}
	text, err := io.ReadAll(res.Body)
	if err := errors.Join(err, res.Body.Close()); err != nil {
		return nil, nil, err
	}
	if !slices.Contains(q.want, res.StatusCode) {
		return nil, nil, fmt.Errorf("%s %s: the registry answered %s: %s", q.method, q.url, res.Status, text)
	}
	return res, text, nil
}
