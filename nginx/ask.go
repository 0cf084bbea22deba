package nginx

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"syscall"
	"time"

	"tandem/reconciler/deploy"
)

// What the confirm server says besides the color.
const (
	generationHeader = "Tandem-Generation" // which files the worker runs with
	switchHeader     = "Tandem-Switch"     // flip or reload
	backupHeader     = "Tandem-Backup"     // there, and not empty, while the standby is a backup
	workerHeader     = "Tandem-Worker"     // its process id, as Nginx sees it
)

var errUnknownApp = errors.New("the confirm server has no such app")

// answer is what one worker of the running Nginx says about an app.
type answer struct {
	color      deploy.Color
	generation string
	mode       string
	backup     bool
	worker     int
}

func (a answer) String() string {
	if a.backup {
		return fmt.Sprintf("%s with a backup (generation %s)", a.color, a.generation)
	}
	return fmt.Sprintf("%s (generation %s)", a.color, a.generation)
}

// ask puts the question once, over a connection of its own.
func (p *Proxy) ask(ctx context.Context, v environment, app string) (answer, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+v.dial+"/"+app, nil)
	if err != nil {
		return answer{}, fmt.Errorf("ask nginx: %w", err)
	}
	res, err := p.client.Do(req)
	if err != nil {
		if ctx.Err() != nil {
			return answer{}, ctx.Err()
		}
		return answer{}, p.away(v, err)
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, 64))
	if err := errors.Join(err, res.Body.Close()); err != nil {
		return answer{}, p.away(v, err)
	}
	if res.StatusCode == http.StatusNotFound {
		return answer{}, &deploy.RouterError{Reason: deploy.NotIncluded, Err: errUnknownApp,
			Detail: "the running Nginx does not know app " + app + " yet"}
	}
	return readAnswer(res, string(body), v.dial)
}

func readAnswer(res *http.Response, body, dial string) (answer, error) {
	a := answer{generation: res.Header.Get(generationHeader), mode: res.Header.Get(switchHeader),
		backup: res.Header.Get(backupHeader) != ""}
	color, err := deploy.ParseColor(strings.TrimSpace(body))
	if err != nil || a.generation == "" {
		return answer{}, &deploy.RouterError{Reason: deploy.NotIncluded,
			Detail: fmt.Sprintf("%s answers %q and is not tandem's confirm server: set nginx.confirm to a free address", dial, res.Status)}
	}
	a.color = color
	if a.worker, err = strconv.Atoi(res.Header.Get(workerHeader)); err != nil {
		return answer{}, fmt.Errorf("ask nginx: read worker: %w", err)
	}
	return a, nil
}

func (p *Proxy) away(v environment, cause error) error {
	detail := "nothing answers on " + v.dial + ": Nginx is not running, or does not include tandem's files"
	if !errors.Is(cause, syscall.ECONNREFUSED) {
		detail = "Nginx does not answer on " + v.dial + ": " + cause.Error()
	}
	return &deploy.RouterError{Reason: deploy.NginxAway, Detail: detail, Err: cause}
}

// agreement is how many answers in a row have to say the same. In flip mode one
// would do, because the flag is looked at for each request; more of them catch a
// second Nginx that listens on the same address.
const agreement = 3

// settleTime is how long answers have to agree when the old workers cannot be
// looked at: Nginx lets them work on for 100 ms after the new ones have begun.
const settleTime = 300 * time.Millisecond

// transition is what await waits for besides the right answer.
type transition int

const (
	afterFlip   transition = iota // the workers stay, and look for the flag at each request
	afterReload                   // those from before the reload must no longer take connections
)

// await asks until right says yes several times in a row and, after a reload,
// nobody else could have answered. The error says what Nginx answered last.
func (p *Proxy) await(ctx context.Context, v environment, app string, how transition, accept func(answer) bool) error {
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	var agreed int
	since := time.Now()
	last, lastErr := answer{}, error(nil) // the answer that the end of ctx cut off says nothing
	for {
		a, err := p.ask(ctx, v, app)
		if ctx.Err() == nil {
			last, lastErr = a, err
		}
		still, known := false, how == afterFlip
		if how == afterReload && err == nil {
			still, known = p.oldWorkers.accepting(a.worker)
		}
		if err != nil || still || !accept(a) {
			agreed, since = 0, time.Now()
		} else if agreed++; agreed >= agreement && (known || time.Since(since) >= settleTime) {
			return nil
		}
		select {
		case <-ctx.Done():
			return p.gaveUp(ctx, v, app, last, lastErr)
		case <-tick.C:
		}
	}
}

func (p *Proxy) gaveUp(ctx context.Context, v environment, app string, last answer, err error) error {
	if errors.Is(ctx.Err(), context.Canceled) {
		return ctx.Err()
	}
	if err != nil {
		return err
	}
	detail := fmt.Sprintf("Nginx goes on answering %s for %s", last, app)
	if last.color == deploy.NoColor {
		detail = "Nginx gave no answer for " + app
	}
	return &deploy.RouterError{Reason: deploy.NginxBroken, Err: ctx.Err(),
		Detail: detail + "; its error log says why (can its workers read " + v.dir + "/live?)"}
}
