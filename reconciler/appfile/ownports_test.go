package appfile

import (
	"strings"
	"testing"

	"tandem/reconciler/deploy"
)

func TestParseApp_AnAgentsOwnPortIsAFaultInAnyColorOfAnyRoute(t *testing.T) {
	own := map[int]string{8484: "the agent's own API is there (listen: [::1]:8484)", 8485: "Nginx tells there which color is live (nginx.confirm: 127.0.0.1:8485)"}
	for _, c := range []struct {
		routes string
		line   int
		want   []string
	}{
		{"  api: {ports: {blue: 8484, green: 3002}, health: /h}\n", 3, []string{"routes.api.ports.blue: 8484 is tandem's own port", "listen: [::1]:8484", "take another one"}},
		{"  api: {ports: {blue: 3001, green: 8484}, health: /h}\n", 3, []string{"routes.api.ports.green: 8484 is tandem's own port"}},
		{"  api: {ports: {blue: 8485, green: 3002}, health: /h}\n", 3, []string{"8485 is tandem's own port", "nginx.confirm"}},
		{"  api: {ports: {blue: 3001, green: 3002}, health: /h}\n  web:\n    ports:\n      blue: 3003\n      green: 8485\n    health: /h\n", 7, []string{"routes.web.ports.green: 8485 is"}},
		{"  api: {ports: {blue: 8484, green: 8485}, health: /h}\n", 3, []string{"ports.blue: 8484", "ports.green: 8485"}},
	} {
		file := deploy.AppFile{Dir: "shop", Path: "shop/tandem.yaml", Data: []byte("tag: \"1\"\nroutes:\n" + c.routes)}
		_, err := ParseAppBeside(file, own)
		faults, ok := deploy.AsFaults(err)
		if !ok || faults[0].Line != c.line {
			t.Errorf("%s: got %v, want a fault of line %d", c.routes, err, c.line)
			continue
		}
		for _, word := range c.want {
			if !strings.Contains(err.Error(), word) {
				t.Errorf("%s: %q does not say %q", c.routes, err, word)
			}
		}
		if _, err := ParseApp(file); err != nil {
			t.Errorf("%s: where no agent listens: %v", c.routes, err)
		}
	}
}
