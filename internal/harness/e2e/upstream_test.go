package e2e

import (
	"fmt"
	"testing"

	"tandem/internal/harness/load"
	"tandem/internal/harness/stage"
	"tandem/internal/harness/testbed"
	"tandem/internal/harness/testbed/tb"
	"tandem/reconciler/deploy"
)

// scriptsLocation is the site that goes with the script. It is never changed.
const scriptsLocation = `
    location / {
        proxy_pass http://%s;
        proxy_http_version 1.1;
        proxy_set_header Upgrade $http_upgrade;
        proxy_set_header Connection "upgrade";
        proxy_set_header Host $host;
        proxy_set_header X-Real-IP $remote_addr;
        proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
        proxy_set_header X-Forwarded-Proto $scheme;
    }`

// The site of the script stays as it is; a line of tandem's takes the place of the upstream
// that the script wrote. That costs what one reload costs, which is made beside it, and the
// deploys after that cost nothing.
func TestUpstream_TheScriptsSiteStaysAsItIs(t *testing.T) {
	for _, c := range []struct {
		name, project string
		port          func(stage.Ports) int
		include       bool // there is tandem's line, for another app
		want          deploy.Color
	}{
		{"tandem chooses the ports", "-old", func(p stage.Ports) int { return p.WebBlue }, false, deploy.Green},
		{"the script's stack is blue", "-blue", func(p stage.Ports) int { return p.APIBlue }, true, deploy.Green},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newScripted(t, stage.Options{}, c.project, c.port)
			upstream := w.App + "_backend"
			if c.include {
				w.lines.http = fmt.Sprintf("include %s/*.conf;\n%s", w.Config().Nginx.Dir, w.lines.http)
			}
			site := func() {
				t.Helper()
				if err := w.Nginx.Configure(testbed.NginxConfig{HTTP: w.lines.http, Server: fmt.Sprintf(scriptsLocation, upstream)}); err != nil {
					t.Fatal(err)
				}
				w.reloads++
				if err := w.Nginx.ReloadAndWait(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			site()
			before := w.load.Report()
			site() // a reload that changes nothing
			tb.Until(t, patience, "requests after the reload", func() error {
				if now := w.load.Report(); now.Requests < before.Requests+200 {
					return fmt.Errorf("%d requests", now.Requests-before.Requests)
				}
				return nil
			})
			idle := w.load.Report()

			w.start()
			w.build("1.0.0")
			desired := func(tag string) stage.Desired {
				return stage.Desired{Tag: tag, Upstream: upstream, NoPorts: !c.include}
			}
			commit := w.push(desired("1.0.0"))
			said := w.told(deploy.NotIncluded, "in the place of the site's own upstream \""+upstream+"\"", "nginx.conf:", "reload Nginx")
			if c.include {
				w.lines.http = fmt.Sprintf("include %s/*.conf;\n%s", w.Config().Nginx.Dir, w.quoted(said, "include ", ".upstream;"))
			} else {
				w.lines.http = w.quoted(said, "include ", "/*.conf;")
			}
			site()
			color := c.want
			w.live(commit, "1.0.0", color)
			// A second reload, of the agent's, may meet a POST between the site and the listener.
			w.cost(before, idle, load.Status)

			if err := w.Engine.RemoveProject(t.Context(), w.project); err != nil { // the script's
				t.Fatal(err)
			}
			// Nginx gets the port that the script had with the next release, which costs a reload.
			w.build("1.0.1")
			color = color.Other()
			commit = w.push(desired("1.0.1"))
			w.live(commit, "1.0.1", color)
			for range 2 { // see stage.AddSite
				if err := w.Nginx.ReloadAndWait(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			people := w.traffic()
			for i := range times(10, 2) {
				tag := fmt.Sprintf("1.%d.0", i+1)
				w.build(tag)
				color = color.Other()
				w.live(w.push(desired(tag)), tag, color)
				color = color.Other()
				w.live(w.revert(), "1.0.1", color)
			}
			w.unharmed(people)
		})
	}
}
