package notify

import (
	"errors"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/nicholas-fedor/shoutrrr/pkg/router"
	"github.com/nicholas-fedor/shoutrrr/pkg/types"
)

// titled are the services that show a title by itself. Elsewhere it becomes the
// first line of the text: some refuse a title, or drop it, or make it a topic.
var titled = []string{"bark", "discord", "gotify", "join", "lark", "ntfy", "opsgenie", "pushbullet", "pushover", "slack", "smtp", "teams", "telegram"}

var errNotAddress = errors.New("is no address that can be used; want one such as slack://… or ntfy://…, see https://shoutrrr.nickfedor.com/")

// checkURL tells whether a message could be sent to the address. It connects to
// nothing.
func checkURL(url string) error {
	if _, err := locate(url); err != nil {
		return errNotAddress // shoutrrr's own words quote the address
	}
	return nil
}

func locate(url string) (service types.Service, err error) {
	defer func() {
		if p := recover(); p != nil { // a service that trips over an address
			err = errNotAddress
		}
	}()
	return (&router.ServiceRouter{}).Locate(url)
}

// send sends once and waits for the answer, however long that takes: the library
// cannot be told to stop. Its error says no more than cause allows.
func send(url string, m Message) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = errors.New("the service cannot handle the message")
		}
	}()
	to, err := locate(url)
	if err != nil {
		return errNotAddress
	}
	params := types.Params{}
	text := m.Text
	if takesTitle(url) {
		params.SetTitle(m.Title)
	} else {
		text = m.Title + "\n" + m.Text
	}
	if err := to.Send(text, &params); err != nil {
		return cause(err)
	}
	return nil
}

func takesTitle(url string) bool {
	name := service(url)
	return slices.Contains(titled, name) || name == "generic" && strings.Contains(strings.ToLower(url), "template=json")
}

// causes are the words by which a failure is known, and all that is said of it:
// anything else in an error could be a part of the address.
var causes = []struct{ words, said string }{
	{"no such host", "the name of its host cannot be resolved"},
	{"connection refused", "connection refused"},
	{"connection reset", "connection reset"},
	{"no route to host", "no route to its host"},
	{"network is unreachable", "the network is unreachable"},
	{"certificate", "its certificate cannot be trusted"},
	{"Client.Timeout", "no answer in time"},
	{"deadline exceeded", "no answer in time"},
	{"i/o timeout", "no answer in time"},
	{"auth", "it refuses the credentials"},
	{"EOF", "the connection was closed"},
}

var statusCode = regexp.MustCompile(`(?i)status\D{0,20}([45][0-9]{2})\b`)

// cause says why sending failed, without a word that err holds.
func cause(err error) error {
	text := err.Error()
	if m := statusCode.FindStringSubmatch(text); m != nil {
		code, _ := strconv.Atoi(m[1]) // three digits
		return errors.New(strings.TrimSpace("it answered " + m[1] + " " + http.StatusText(code)))
	}
	for _, c := range causes {
		if strings.Contains(text, c.words) {
			return errors.New(c.said)
		}
	}
	return errors.New("sending failed")
}
