package compose

import (
	"archive/tar"
	"bytes"
	"cmp"
	"context"
	"fmt"
	"path"
	"strconv"
	"time"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/docker/docker/api/types/container"
)

// inject copies the secrets and configs that are no files of the app into a
// container that was not started yet, to where Compose would: it does so only
// for what it starts itself.
func (c *Client) inject(ctx context.Context, p *types.Project, s types.ServiceConfig, id string) error {
	for _, ref := range s.Secrets {
		r := types.FileReferenceConfig(ref)
		r.Target = inSecrets(cmp.Or(r.Target, r.Source))
		if err := c.injectOne(ctx, p, id, r, types.FileObjectConfig(p.Secrets[ref.Source])); err != nil {
			return fmt.Errorf("give %s the secret %s: %w", s.Name, ref.Source, err)
		}
	}
	for _, ref := range s.Configs {
		r := types.FileReferenceConfig(ref)
		r.Target = cmp.Or(r.Target, "/"+r.Source)
		if err := c.injectOne(ctx, p, id, r, types.FileObjectConfig(p.Configs[ref.Source])); err != nil {
			return fmt.Errorf("give %s the config %s: %w", s.Name, ref.Source, err)
		}
	}
	return nil
}

func inSecrets(target string) string {
	if path.IsAbs(target) {
		return target
	}
	return "/run/secrets/" + target
}

func (c *Client) injectOne(ctx context.Context, p *types.Project, id string, ref types.FileReferenceConfig, o types.FileObjectConfig) error {
	content := o.Content
	if content == "" && o.Environment != "" {
		var ok bool
		if content, ok = p.Environment[o.Environment]; !ok {
			return fmt.Errorf("the variable %s is not set", o.Environment)
		}
	}
	if content == "" {
		return nil // a file, which is mounted
	}
	archive, err := pack(ref, content)
	if err != nil {
		return err
	}
	err = c.engine.CopyToContainer(ctx, id, "/", archive, container.CopyToContainerOptions{CopyUIDGID: ref.UID != "" || ref.GID != ""})
	return engineError(ctx, "copy "+ref.Target, err)
}

// pack makes an archive with the one file.
func pack(ref types.FileReferenceConfig, content string) (*bytes.Buffer, error) {
	h := &tar.Header{Name: ref.Target, Mode: 0o444, Size: int64(len(content)), ModTime: time.Now()}
	if ref.Mode != nil {
		h.Mode = int64(*ref.Mode)
	}
	var err error
	if h.Uid, err = strconv.Atoi(cmp.Or(ref.UID, "0")); err != nil {
		return nil, fmt.Errorf("read uid: %w", err)
	}
	if h.Gid, err = strconv.Atoi(cmp.Or(ref.GID, "0")); err != nil {
		return nil, fmt.Errorf("read gid: %w", err)
	}
	archive := &bytes.Buffer{}
	w := tar.NewWriter(archive)
	if err := w.WriteHeader(h); err != nil {
		return nil, err
	}
	if _, err := w.Write([]byte(content)); err != nil {
		return nil, err
	}
	return archive, w.Close()
}
