package forge

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"tandem/reconciler/deploy"
)

// The kinds of sites.
const (
	GitHub = "github"
	GitLab = "gitlab"
	Gitea  = "gitea" // Forgejo too
)

// site is one repository on one forge.
type site struct {
	kind string
	api  string // the base, without a slash at its end
	path string // of the repository, as place has it
}

// newSite makes out the API's base where none is given.
func newSite(kind, api, repo string) (site, error) {
	p, err := locate(repo)
	if err != nil {
		return site{}, err
	}
	standard, known := map[string]string{GitHub: "/api/v3", GitLab: "/api/v4", Gitea: "/api/v1"}[kind]
	switch {
	case !known:
		return site{}, fmt.Errorf("the kind %q is not known", kind)
	case kind != GitLab && strings.Count(p.path, "/") != 1:
		return site{}, fmt.Errorf("the address of the repository does not end with OWNER/NAME alone")
	case api == "" && p.base == "https://github.com":
		api = "https://api.github.com"
	case api == "":
		api = p.base + standard
	}
	return site{kind: kind, api: strings.TrimRight(api, "/"), path: p.path}, nil
}

// request makes the request that sets the status of a commit.
func (s site) request(ctx context.Context, post post, token string) (*http.Request, error) {
	body := map[string]string{"state": s.state(post.phase), "context": post.context, "description": post.description}
	endpoint := s.api + "/repos/" + escape(s.path) + "/statuses/" + post.commit
	if s.kind == GitLab {
		body["name"] = post.context
		delete(body, "context")
		endpoint = s.api + "/projects/" + url.PathEscape(s.path) + "/statuses/" + post.commit
	}
	data, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, endpoint, bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", "tandem")
	switch s.kind {
	case GitHub:
		req.Header.Set("Accept", "application/vnd.github+json")
		req.Header.Set("X-GitHub-Api-Version", "2022-11-28")
		req.Header.Set("Authorization", "Bearer "+token)
	case GitLab:
		req.Header.Set("PRIVATE-TOKEN", token)
	default:
		req.Header.Set("Authorization", "token "+token)
	}
	return req, nil
}

// escape escapes each segment of a path.
func escape(path string) string {
	segments := strings.Split(path, "/")
	for i, s := range segments {
		segments[i] = url.PathEscape(s)
	}
	return strings.Join(segments, "/")
}

// state is the forge's word for a phase. An unknown one is of a newer tandem, and
// nothing that is over.
func (s site) state(p deploy.Phase) string {
	switch p {
	case deploy.PhaseLive:
		return "success"
	case deploy.PhaseHeld, deploy.PhaseRefused, deploy.PhaseDegraded:
		if s.kind == GitLab {
			return "failed"
		}
		return "failure"
	default:
		return "pending"
	}
}
