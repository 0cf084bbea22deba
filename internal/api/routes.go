package api

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"time"

	"tandem/internal/lib/plaintext"
	"tandem/reconciler/deploy"
)

// failure is the body of every answer that is not a success.
type failure struct {
	Error string   `json:"error"`
	Known []string `json:"known,omitempty"` // the apps there are, when the asked one is not
}

// health is the body of /healthz and /readyz when all is well.
type health struct {
	Status string `json:"status"`
}

func routes(o Options) http.Handler {
	guarded := local // a page must not read by rebinding what runs here
	if o.TokenFile != "" {
		guarded = (&tokenGuard{file: o.TokenFile, log: o.Log}).known
	}
	mux := http.NewServeMux()
	mux.Handle("GET /healthz", guarded(check(o.Control.Healthy)))
	mux.Handle("GET /readyz", guarded(check(o.Control.Ready)))
	if o.Metrics != nil {
		mux.Handle("GET /metrics", guarded(o.Metrics))
	}
	mux.Handle("GET /api/v1/apps", guarded(apps(o.Control)))
	mux.Handle("GET /api/v1/apps/{app}", guarded(app(o.Control)))
	for verb, do := range map[string]func(context.Context, string) error{
		"retry":  o.Control.Retry,
		"pause":  o.Control.Pause,
		"resume": o.Control.Resume,
	} {
		mux.Handle("POST /api/v1/apps/{app}/"+verb, guarded(deliberate(act(do))))
	}
	mux.Handle("POST /api/v1/apps/{app}/remove", guarded(deliberate(remove(o.Control))))
	if o.SecretFile != "" {
		mux.Handle("POST /hooks/git", &webhook{secretFile: o.SecretFile, wake: o.Control.Wake, log: o.Log})
	}
	return mux
}

func check(well func() error) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		if err := well(); err != nil {
			answer(w, http.StatusServiceUnavailable, failure{Error: err.Error()})
			return
		}
		answer(w, http.StatusOK, health{Status: "ok"})
	}
}

func apps(c Control) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		statuses := c.Statuses()
		if statuses == nil {
			statuses = []deploy.Status{} // [] and not null, which scripts would trip over
		}
		answer(w, http.StatusOK, statuses)
	}
}

func app(c Control) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		s, err := Find(c.Statuses(), r.PathValue("app"))
		if err != nil {
			fail(w, err)
			return
		}
		answer(w, http.StatusOK, s)
	}
}

func act(do func(ctx context.Context, app string) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if err := do(r.Context(), r.PathValue("app")); err != nil {
			fail(w, err)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	}
}

// removed is the body of the answer to a removal.
type removed struct {
	Removed []string `json:"removed"`
}

// remove answers when all is removed: containers have the time to end that their file
// gives them, which may be more than any other answer takes.
func remove(c Control) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if err := http.NewResponseController(w).SetWriteDeadline(time.Time{}); err != nil && !errors.Is(err, http.ErrNotSupported) {
			fail(w, err)
			return
		}
		// Who asked may go away; what was begun is finished.
		done, err := c.Remove(context.WithoutCancel(r.Context()), r.PathValue("app"))
		if err != nil {
			fail(w, err)
			return
		}
		answer(w, http.StatusOK, removed{Removed: done})
	}
}

func fail(w http.ResponseWriter, err error) {
	f, code := failure{Error: err.Error()}, http.StatusInternalServerError
	if errors.Is(err, ErrUnknownApp) {
		code = http.StatusNotFound
	}
	var refused *RefusedError
	if errors.As(err, &refused) {
		code = http.StatusConflict
	}
	var unknown *UnknownAppError
	if errors.As(err, &unknown) {
		f.Known = unknown.Known
	}
	answer(w, code, f)
}

func answer(w http.ResponseWriter, code int, body any) {
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(code)
	// The one thing that can go wrong here is that the peer went away.
	_ = json.NewEncoder(escaping{w}).Encode(body)
}

// escaping keeps what a message says exactly, and away from a terminal that shows the
// answer as it came. The encoder writes a whole answer at once.
type escaping struct{ w io.Writer }

// Write implements io.Writer.
func (e escaping) Write(answer []byte) (int, error) {
	if _, err := e.w.Write(plaintext.JSON(answer)); err != nil {
		return 0, err
	}
	return len(answer), nil
}
