package secrets

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"testing"

	"tandem/reconciler/deploy"
)

func redactor() *Redactor {
	r := &Redactor{}
	r.Add("PASSWORD", `p@ss "word"/$1`)
	r.Add("LONGER", `p@ss "word"/$1 and more`)
	r.Add("KEY", "-----BEGIN KEY-----\nfirst-line-of-key\nsecond-line-of-key\n-----END KEY-----\n")
	r.Add("SHORT", "12345")
	return r
}

func TestHide_FindsAValueHoweverItIsWritten(t *testing.T) {
	const value = `p@ss "word"/$1`
	asJSON, err := json.Marshal(map[string]string{"x": value})
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"plain": "x " + value + " y", "twice": value + value, "Go": fmt.Sprintf("%q", value), "JSON": string(asJSON),
		"query": "http://x/?" + url.Values{"p": {value}}.Encode(), "URL": (&url.URL{Scheme: "x", User: url.UserPassword("u", value), Host: "h"}).String() + url.PathEscape(value),
		"base64": base64.StdEncoding.EncodeToString([]byte(value)), "base64 for URLs": base64.URLEncoding.EncodeToString([]byte(value)),
		"Compose": strings.ReplaceAll(value, "$", "$$"),
	} {
		got := redactor().Hide(text)
		if strings.Contains(got, "word") || !strings.Contains(got, "[secret PASSWORD]") {
			t.Errorf("%s: %q became %q", name, text, got)
		}
	}
}

func TestHide_Cases(t *testing.T) {
	for text, want := range map[string]string{
		`p@ss "word"/$1 and more`:                 "[secret LONGER]",
		"got\n  second-line-of-key\n  and so on":  "got\n  [secret KEY]\n  and so on",
		"-----BEGIN KEY-----":                     "-----BEGIN KEY-----",
		"port 12345 is taken":                     "port 12345 is taken", // shorter than MinLength
		"nothing of it":                           "nothing of it",
		"first-line-of-key\r\nsecond-line-of-key": "[secret KEY]\r\n[secret KEY]",
	} {
		if got := redactor().Hide(text); got != want {
			t.Errorf("%q became %q, want %q", text, got, want)
		}
	}
	if got := (&Redactor{}).Hide("x"); got != "x" {
		t.Errorf("with nothing to hide: %q", got)
	}
}

func TestHideCut_FindsWhatIsLeftOfAValue(t *testing.T) {
	for text, want := range map[string]string{
		"-line-of-key\nmore":            "[secret KEY]\nmore",
		" \"word\"/$1 and so on":        "[secret PASSWORD] and so on",
		"/$1 and more":                  "[secret LONGER]",
		"2345 is left":                  "2345 is left", // SHORT is no value that is looked for
		"key is left":                   "key is left",  // three bytes say nothing
		"no cut at first-line-of-key":   "no cut at [secret KEY]",
		"of-key and second-line-of-key": "[secret KEY] and [secret KEY]",
		"":                              "",
	} {
		if got := redactor().HideCut(text); got != want {
			t.Errorf("%q became %q, want %q", text, got, want)
		}
	}
}

func TestError_IsStillWhatItWas(t *testing.T) {
	const value = "first-line-of-key"
	r := redactor()
	reject := &deploy.RejectError{Reason: deploy.CannotStart, Detail: "env " + value, Logs: "log " + value}
	onlyLogs := &deploy.RejectError{Reason: deploy.CannotStart, Detail: "ended", Logs: "log " + value}
	temporary := &deploy.TemporaryError{Reason: deploy.DockerAway, Err: fmt.Errorf("sent %s: %w", value, context.Canceled)}
	faults := deploy.Faults{{File: "f", Line: 3, Text: "wrong: " + value}}
	for _, err := range []error{reject, onlyLogs, temporary, faults} {
		clean := r.Error(fmt.Errorf("outer: %w", err))
		text := clean.Error()
		var b *deploy.RejectError
		var tmp *deploy.TemporaryError
		var f deploy.Faults
		if errors.As(clean, &b) != errors.As(err, new(*deploy.RejectError)) ||
			errors.As(clean, &tmp) != errors.As(err, new(*deploy.TemporaryError)) ||
			errors.As(clean, &f) != errors.As(err, new(deploy.Faults)) || errors.Is(clean, context.Canceled) != errors.Is(err, context.Canceled) {
			t.Errorf("%T is something else now", err)
		}
		if b != nil {
			text += b.Detail + b.Logs + b.Error()
		}
		if tmp != nil {
			text += tmp.Error() + tmp.Err.Error() + fmt.Sprint(deploy.ReasonOf(clean))
			if deploy.ReasonOf(clean) != deploy.DockerAway {
				t.Errorf("the reason is %s", deploy.ReasonOf(clean))
			}
		}
		if f != nil {
			text += f.Error()
		}
		if strings.Contains(text, value) {
			t.Errorf("%T shows it: %s", err, text)
		}
	}
	if harmless := errors.New("x"); r.Error(harmless) != harmless || r.Error(nil) != nil {
		t.Error("an error without a secret is not what it was")
	}
}

func TestHandler_NoLineHasAValue(t *testing.T) {
	const value = "first-line-of-key"
	var out strings.Builder
	for _, h := range []slog.Handler{slog.NewTextHandler(&out, nil), slog.NewJSONHandler(&out, nil)} {
		log := slog.New(redactor().Handler(h))
		log.With("a", value).WithGroup(value[:3]).Info("m "+value, "b", value, "c", []string{value}, "d", errors.New(value), slog.Group("e", "f", value), "n", 7)
	}
	if strings.Contains(out.String(), value) || strings.Count(out.String(), "[secret KEY]") != 12 {
		t.Errorf("logged:\n%s", out.String())
	}
	if !strings.Contains(out.String(), `"n":7`) {
		t.Errorf("a number is no number any more:\n%s", out.String())
	}
}
