package api

import (
	"log/slog"
	"net/http"
	"strings"
	"sync"
)

// scheme stands before the token in the header Authorization.
const scheme = "Bearer "

// tokenGuard lets only those through who know the token. No browser sends it by
// itself, so a page of another site cannot use what its reader knows.
type tokenGuard struct {
	file string
	log  *slog.Logger

	mu       sync.Mutex
	reported string // what was last said to be wrong with the file, until it is right
}

func (g *tokenGuard) known(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token, err := readSecret("API token", g.file)
		g.tell(err)
		said, isToken := strings.CutPrefix(r.Header.Get("Authorization"), scheme)
		switch {
		case err != nil:
			answer(w, http.StatusServiceUnavailable, failure{Error: "the agent cannot read the token that it would ask for; its log says why"})
		case !isToken || !sameToken(said, token):
			w.Header().Set("WWW-Authenticate", strings.TrimSpace(scheme))
			answer(w, http.StatusUnauthorized, failure{Error: "this interface answers only to who sends its token (api.token_file)"})
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// tell logs what is wrong with the file, the same only once in a row: anybody
// can ask, and nobody should be able to fill the disk by it.
func (g *tokenGuard) tell(err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case err == nil:
		g.reported = ""
	case err.Error() != g.reported:
		g.reported = err.Error()
		g.log.Error("the API answers nobody", "err", err)
	}
}
