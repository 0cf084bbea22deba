package stage

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"tandem/internal/config"
	"tandem/internal/harness/testbed"
	"tandem/nginx"
)

// startNginx starts Nginx as it is before anybody told it of the app: it
// includes tandem's directory, which is empty.
func (s *Stage) startNginx(ctx context.Context) error {
	if err := os.MkdirAll(s.path("nginx"), 0o755); err != nil {
		return err
	}
	var err error
	if s.Nginx, err = testbed.NewNginx(testbed.NginxOptions{Workers: 2, Detached: s.options.Detached}); err != nil {
		return err
	}
	if err := s.Nginx.Configure(testbed.NginxConfig{HTTP: s.httpLevel()}); err != nil {
		return err
	}
	return s.Nginx.Start(ctx)
}

func (s *Stage) httpLevel() string {
	return fmt.Sprintf("    include %s;\n", filepath.Join(s.path("nginx"), "*.conf"))
}

// AddSite writes the app's site, which needs the agent's generated files, and
// reloads Nginx: what a user does once. It returns an error as long as the
// files are not there.
func (s *Stage) AddSite(ctx context.Context) error {
	generated := filepath.Join(s.path("nginx"), s.App+".conf")
	if _, err := os.Stat(generated); err != nil {
		return err
	}
	if err := s.Nginx.Configure(testbed.NginxConfig{HTTP: s.httpLevel(), Server: s.site("")}); err != nil {
		return err
	}
	// The agent may be reloading at this moment, and the workers of its reload, which do
	// not know the site, come up after the first wait has looked who is there. The second
	// wait sees all of them.
	if err := s.Nginx.ReloadAndWait(ctx); err != nil {
		return err
	}
	return s.Nginx.ReloadAndWait(ctx)
}

// BreakSite adds a line that Nginx does not accept, as a person would elsewhere
// in its configuration; MendSite takes it out. Neither reloads.
func (s *Stage) BreakSite() error { return s.configure("    no_such_directive on;\n") }

// MendSite ends BreakSite.
func (s *Stage) MendSite() error { return s.configure("") }

func (s *Stage) configure(extra string) error {
	return s.Nginx.Configure(testbed.NginxConfig{HTTP: s.httpLevel(), Server: s.site(extra)})
}

// site is the user's server block, in the words of the documentation.
func (s *Stage) site(extra string) string {
	api, web, include := s.App+"_api", s.App+"_web", ""
	if s.options.Switch == config.SwitchFlip {
		api, web = nginx.Variable(s.App, "api"), nginx.Variable(s.App, "web")
		include = "    include " + filepath.Join(s.path("nginx"), s.App+".server") + ";\n"
	}
	if !s.options.APIOnly {
		extra = fmt.Sprintf("    location /web/ { rewrite ^/web(/.*)$ $1 break; proxy_pass http://%s; }\n", web) + extra
	}
	return include + fmt.Sprintf(`
    proxy_http_version 1.1;
    proxy_set_header Host $host;
    proxy_set_header Upgrade $http_upgrade;
    proxy_set_header Connection $tandem_connection;
    location / { proxy_pass http://%[1]s; }
    location /slow-upload { proxy_request_buffering off; proxy_pass http://%[1]s; }
%[2]s`, api, extra)
}
