package compose

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/compose-spec/compose-go/v2/types"
	cerrdefs "github.com/containerd/errdefs"
	"github.com/distribution/reference"
	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/api/types/registry"
	"golang.org/x/sync/errgroup"

	"tandem/reconciler/deploy"
)

// forcePull says which images are asked for in the registry although they are here.
type forcePull bool

const (
	honourPolicy forcePull = true  // what pull_policy says
	whenMissing  forcePull = false // none: healing must not wait for a registry
)

// pull gets every image of the project and returns the digest of each, for
// those that have one in a registry.
func (c *Client) pull(ctx context.Context, p *types.Project, u forcePull) (map[string]string, error) {
	wanted := map[string]types.ServiceConfig{}
	for _, name := range slices.Sorted(maps.Keys(p.Services)) {
		s := p.Services[name]
		// Two services of one image are one pull, under the stricter policy.
		if other, ok := wanted[s.Image]; !ok || other.PullPolicy == "" {
			wanted[s.Image] = s
		}
	}
	names := slices.Sorted(maps.Keys(wanted))
	digests := make([]string, len(names))
	group, inner := errgroup.WithContext(ctx)
	group.SetLimit(3)
	for i, name := range names {
		group.Go(func() error {
			var err error
			digests[i], err = c.pullOne(inner, wanted[name], u)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	found := map[string]string{}
	for i, name := range names {
		found[name] = digests[i]
	}
	return found, ctx.Err()
}

// pullOne makes sure that one image is here and returns its digest, "" if it
// was never in a registry.
func (c *Client) pullOne(ctx context.Context, s types.ServiceConfig, u forcePull) (string, error) {
	local, err := c.engine.ImageInspect(ctx, s.Image)
	here := err == nil
	if err != nil && !cerrdefs.IsNotFound(err) {
		return "", engineError(ctx, "look for image "+s.Image, err)
	}
	need, err := needOf(s, here, local.Metadata.LastTagTime, u)
	if err != nil {
		return "", err
	}
	if need == useLocal {
		if !here {
			return "", neverPulled(s.Image)
		}
		return digestOf(local, s.Image), nil
	}
	if err := c.download(ctx, s); err != nil {
		if here && need == preferRemote && ctx.Err() == nil {
			c.log.Warn("image not pulled; the one on this host is used", "image", s.Image, "err", err)
			return digestOf(local, s.Image), nil
		}
		return "", err
	}
	if local, err = c.engine.ImageInspect(ctx, s.Image); cerrdefs.IsNotFound(err) {
		return "", imageGone(err)
	} else if err != nil {
		return "", engineError(ctx, "look for image "+s.Image, err)
	}
	return digestOf(local, s.Image), nil
}

// need says where an image is to come from.
type need int

const (
	useLocal     need = iota
	preferRemote      // the registry, or what is here when that fails
	mustPull
)

// needOf reads a service's pull_policy. Without one an image is pulled when it
// is missing; a tag that moves (latest, or none) is asked for each time.
func needOf(s types.ServiceConfig, here bool, pulled time.Time, u forcePull) (need, error) {
	policy, window, err := s.GetPullPolicy()
	if err != nil {
		return 0, fmt.Errorf("service %s: %w", s.Name, err)
	}
	switch {
	case policy == types.PullPolicyNever:
		return useLocal, nil
	case !here:
		return mustPull, nil
	case u == whenMissing:
		return useLocal, nil
	case policy == types.PullPolicyAlways:
		return mustPull, nil
	case policy == types.PullPolicyRefresh && time.Since(pulled) > window:
		return preferRemote, nil
	case s.PullPolicy == "" && movesByName(s.Image):
		return preferRemote, nil
	default:
		return useLocal, nil
	}
}

func movesByName(name string) bool {
	ref, err := reference.ParseNormalizedNamed(name)
	if err != nil {
		return false
	}
	if _, ok := ref.(reference.Digested); ok {
		return false
	}
	tagged, ok := reference.TagNameOnly(ref).(reference.Tagged)
	return ok && tagged.Tag() == "latest"
}

// digestOf returns the digest under which the image's own repository has it.
func digestOf(i image.InspectResponse, name string) string {
	ref, err := reference.ParseNormalizedNamed(name)
	if err != nil {
		return ""
	}
	for _, text := range i.RepoDigests {
		repo, digest, _ := strings.Cut(text, "@")
		if r, err := reference.ParseNormalizedNamed(repo); err == nil && r.Name() == ref.Name() {
			return digest
		}
	}
	return ""
}

// download pulls one image with the credentials that Docker's configuration has
// for its registry now.
func (c *Client) download(ctx context.Context, s types.ServiceConfig) error {
	if err := c.checkDiskSpace(ctx, "pull "+s.Image); err != nil {
		return err
	}
	auth, err := c.credentials(s.Image)
	if err != nil {
		return &deploy.TemporaryError{Reason: deploy.PullFailed, Err: err}
	}
	start := time.Now()
	stream, err := c.engine.ImagePull(ctx, s.Image, image.PullOptions{RegistryAuth: auth, Platform: s.Platform})
	if err != nil {
		return pullError(ctx, s.Image, err)
	}
	err = drainPull(stream)
	if cerr := stream.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return pullError(ctx, s.Image, err)
	}
	c.log.Info("image pulled", "image", s.Image, "took", time.Since(start))
	return nil
}

// drainPull reads the progress messages to the end: the pull is over only then,
// and most failures are told in the last one.
func drainPull(r io.Reader) error {
	dec := json.NewDecoder(r)
	for {
		var m struct {
			Error string `json:"error"`
		}
		err := dec.Decode(&m)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if m.Error != "" {
			return errors.New(m.Error)
		}
	}
}

// credentials returns what Docker's configuration has for the image's registry,
// in the form of the engine's API. Credential helpers are asked each time.
func (c *Client) credentials(name string) (string, error) {
	ref, err := reference.ParseNormalizedNamed(name)
	if err != nil {
		return "", fmt.Errorf("read image name %q: %w", name, err)
	}
	file, err := c.dockerConfig()
	if err != nil {
		return "", err
	}
	domain := reference.Domain(ref)
	auth, err := file.GetAuthConfig(domain)
	if err != nil {
		return "", fmt.Errorf("ask for the credentials of %s: %w", domain, err)
	}
	return registry.EncodeAuthConfig(registry.AuthConfig{
		Username: auth.Username, Password: auth.Password, Auth: auth.Auth,
		ServerAddress: auth.ServerAddress, IdentityToken: auth.IdentityToken, RegistryToken: auth.RegistryToken,
	})
}
