package compose

import (
	"context"
	"fmt"
	"strings"

	"tandem/reconciler/deploy"
)

// pullError tells an image that does not exist from a registry that is away or
// wants other credentials. The engine relays the registry's answer as text, in
// the stream or with a status of its own (often 500), so the text decides.
func pullError(ctx context.Context, name string, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if isAway(err) && !mentions(err, "registry", "/v2/") {
		return engineError(ctx, "pull "+name, err)
	}
	switch {
	case mentions(err, "unauthorized", "no basic auth credentials", "authentication required", "toomanyrequests"):
		return &deploy.TemporaryError{Reason: deploy.PullFailed, Err: fmt.Errorf(
			"pull %s: the registry refuses the credentials in Docker's configuration (docker login renews them): %w", name, err)}
	case mentions(err, "pull access denied"):
		return notFound("image %s does not exist in its registry, or the credentials in Docker's configuration may not pull it", name)
	case mentions(err, "manifest unknown", "manifest for", "not found", "name unknown", "repository does not exist", "no matching manifest"):
		return notFound("image %s does not exist in its registry: %s", name, lastWords(err))
	case mentions(err, "invalid reference format", "must be lowercase"):
		return notFound("%q is no image name: %s", name, lastWords(err))
	case mentions(err, "no space left on device"):
		return &deploy.TemporaryError{Reason: deploy.DiskFull, Err: fmt.Errorf(
			"pull %s: the disk of Docker is full: remove what nobody needs (docker image prune): %w", name, err)}
	}
	return &deploy.TemporaryError{Reason: deploy.PullFailed, Err: fmt.Errorf("pull %s: %w", name, err)}
}

func notFound(format string, args ...any) error {
	return &deploy.RejectError{Reason: deploy.ImageNotFound, Detail: fmt.Sprintf(format, args...)}
}

// imageGone is for an image that was here a moment ago, and was removed by somebody
// before a container was made of it: the next pull brings it back.
func imageGone(err error) error {
	return &deploy.TemporaryError{Reason: deploy.PullFailed, Err: fmt.Errorf(
		"somebody removed an image just after it was pulled: %s", lastWords(err))}
}

// mentions tells whether the error's text has one of the words, in any case.
func mentions(err error, words ...string) bool {
	text := strings.ToLower(err.Error())
	for _, w := range words {
		if strings.Contains(text, w) {
			return true
		}
	}
	return false
}

// lastWords is the engine's own sentence, without the prefix that every client
// error has.
func lastWords(err error) string {
	return strings.TrimPrefix(err.Error(), "Error response from daemon: ")
}
