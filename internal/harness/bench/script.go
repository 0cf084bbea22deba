package main

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"tandem/internal/harness/stage"
	"tandem/internal/harness/testbed"
)

// deployScript is what people run today: blue and green with Compose, a loop of
// curl, sed on the upstream and a reload.
//
//go:embed deploy.sh
var deployScript []byte

// upScript is what more people run: Compose in place.
//
//go:embed up.sh
var upScript []byte

// scriptCompose is the Compose file of both.
const scriptCompose = `version: "3.8"
services:
  api:
    image: ${IMAGE}:${TAG}
    command: [api]
    restart: unless-stopped
    stop_grace_period: 10s
    environment: {COLOR: "${COLOR}"}
    ports: ["127.0.0.1:${API_PORT}:3000"]
`

// script is a candidate: a shell script that somebody runs by hand.
type script struct {
	*stage.Stage
	name, asked string
}

// newScript brings the releases up, the second one live. The app's registry, ports
// and Nginx are those of a stage on which no agent runs.
func newScript(ctx context.Context, text []byte, name, app string) (_ *script, err error) {
	compose, err := composeCommand(ctx)
	if err != nil {
		return nil, err
	}
	s, err := stage.New(ctx, stage.Options{App: app, APIOnly: true})
	if err != nil {
		return nil, err
	}
	c := &script{Stage: s, name: name}
	defer func() {
		if err != nil {
			err = errors.Join(err, c.Close(context.WithoutCancel(ctx)))
		}
	}()
	if err := c.install(ctx, compose, text); err != nil {
		return nil, err
	}
	for _, tag := range releases {
		if err := c.Build(ctx, tag); err != nil {
			return nil, err
		}
		if err := c.Deploy(ctx, tag); err != nil {
			return nil, err
		}
		if err := answeredBy(ctx, c.URL(), tag); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// install writes what the script needs, and the site that it switches.
func (c *script) install(ctx context.Context, compose string, text []byte) error {
	p := c.Ports
	settings := fmt.Sprintf("APP=%s\nIMAGE=%s/shop\nBLUE=%d\nGREEN=%d\nUPSTREAM=%s\nNGINX=%q\nCOMPOSE=%q\n",
		c.App, c.Registry(), p.APIBlue, p.APIGreen, c.path("upstream.conf"), c.Nginx.Command(), compose)
	for file, content := range map[string]string{
		"deploy.env": settings, "compose.yaml": scriptCompose, "deploy.sh": string(text),
		"upstream.conf": fmt.Sprintf("upstream %s { server 127.0.0.1:%d; keepalive 32; }\n", c.App, p.APIBlue),
	} {
		if err := os.WriteFile(c.path(file), []byte(content), 0o755); err != nil {
			return err
		}
	}
	err := c.Nginx.Configure(testbed.NginxConfig{
		HTTP:   "    map $http_upgrade $connection_upgrade { default upgrade; '' ''; }\n    include " + c.path("upstream.conf") + ";\n",
		Server: fmt.Sprintf(plainSite, c.App),
	})
	if err != nil {
		return err
	}
	return c.Nginx.ReloadAndWait(ctx)
}

// plainSite passes everything to one upstream, in the words that tandem's own site has.
const plainSite = `    proxy_http_version 1.1;
    proxy_set_header Host $host;
    proxy_set_header Upgrade $http_upgrade;
    proxy_set_header Connection $connection_upgrade;
    location / { proxy_pass http://%s; }
`

func (c *script) Name() string { return c.name }

// Deploy runs the script to its end.
func (c *script) Deploy(ctx context.Context, tag string) error {
	c.asked = tag
	cmd := exec.CommandContext(ctx, "bash", c.path("deploy.sh"), tag)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%w\n%s", err, out)
	}
	return nil
}

func (c *script) Asked() string { return c.asked }

func (c *script) path(file string) string { return filepath.Join(c.Dir, file) }

// Close removes the project of the script in place, too.
func (c *script) Close(ctx context.Context) error {
	return errors.Join(c.Engine.RemoveProject(ctx, c.App), c.Stage.Close(ctx))
}
