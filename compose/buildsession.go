package compose

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"

	"github.com/distribution/reference"
	"github.com/docker/docker/api/types/build"
	"github.com/moby/buildkit/session"
	"github.com/moby/buildkit/session/auth"
	"github.com/moby/buildkit/session/filesync"
	"github.com/moby/buildkit/session/secrets/secretsprovider"
	"google.golang.org/grpc"

	"tandem/compose/project"
	"tandem/compose/project/buildcontext"
	"tandem/internal/lib/rootfile"
	"tandem/reconciler/deploy"
)

// maxBuildSecret is the most bytes that BuildKit takes of a secret.
const maxBuildSecret = 500 << 10

// openSession makes a build one of BuildKit, which asks back while it builds: for files,
// for the credentials of a registry, and for the secrets of a step, which it keeps in no layer.
// end ends it.
func (c *Client) openSession(ctx context.Context, o *build.ImageBuildOptions, from *buildcontext.Context, b project.Build, root string) (end func(), err error) {
	secrets := map[string][]byte{}
	for id, s := range b.Secrets {
		if secrets[id] = []byte(s.Content); s.File == "" {
			continue
		}
		if secrets[id], err = rootfile.Read(ctx, root, rootfile.Relative(root, s.File), maxBuildSecret); err != nil {
			return nil, &deploy.RejectError{Reason: deploy.BuildFailed, Detail: fmt.Sprintf("build %s: the secret %s cannot be read: %s", b.Service, id, err)}
		}
	}
	files, err := contextFiles(ctx, from)
	if err != nil {
		return nil, err
	}
	// BuildKit takes a file for unchanged that has the size and time of the one that it was
	// sent before under the same key.
	s, err := session.NewSession(ctx, b.Input)
	if err != nil {
		return nil, fmt.Errorf("begin a session of BuildKit: %w", err)
	}
	s.Allow(filesync.NewFSSyncProvider(filesync.StaticDirSource{"context": files, "dockerfile": dockerfileFiles(from)}))
	s.Allow(&registryLogins{client: c})
	s.Allow(secretsprovider.FromMap(secrets))
	inner, cancel := context.WithCancel(ctx)
	over := make(chan error, 1)
	go func() {
		over <- s.Run(inner, func(ctx context.Context, proto string, meta map[string][]string) (net.Conn, error) {
			return c.engine.DialHijack(ctx, "/session", proto, meta)
		})
	}()
	o.Version, o.SessionID = build.BuilderBuildKit, s.ID()
	o.RemoteContext, o.Dockerfile = "client-session", kitDockerfile
	return func() {
		err := s.Close()
		cancel()
		if err = errors.Join(err, <-over); err != nil && ctx.Err() == nil {
			c.log.Debug("the session of a build did not end well", "err", err)
		}
	}, nil
}

// registryLogins answers BuildKit when it needs the credentials for a base image.
type registryLogins struct {
	auth.UnimplementedAuthServer
	client *Client
}

// Register implements session.Attachable.
func (l *registryLogins) Register(server *grpc.Server) { auth.RegisterAuthServer(server, l) }

// Credentials returns what Docker's configuration has for the host now.
func (l *registryLogins) Credentials(_ context.Context, req *auth.CredentialsRequest) (*auth.CredentialsResponse, error) {
	file, err := l.client.dockerConfig()
	if err != nil {
		return nil, err
	}
	host := req.GetHost()
	if named, err := reference.ParseNormalizedNamed("x"); err == nil && strings.HasSuffix(host, "."+reference.Domain(named)) {
		host = reference.Domain(named) // BuildKit names the server, and the configuration the registry
	}
	found, err := file.GetAuthConfig(host)
	if err != nil {
		return nil, fmt.Errorf("ask for the credentials of %s: %w", host, err)
	}
	if found.IdentityToken != "" {
		return &auth.CredentialsResponse{Secret: found.IdentityToken}, nil
	}
	return &auth.CredentialsResponse{Username: found.Username, Secret: found.Password}, nil
}
