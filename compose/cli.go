package compose

import (
	"fmt"
	"io"
	"strings"

	"github.com/docker/cli/cli/command"
	"github.com/docker/cli/cli/config"
	"github.com/docker/cli/cli/config/configfile"
	"github.com/docker/cli/cli/streams"
	moby "github.com/moby/moby/client"

	"tandem/compose/guard"
)

// dockerCLI is the part of Docker's command line that the Compose SDK wants: a
// connection, a configuration and streams. It is not initialised the usual way,
// which would read the agent's environment (DOCKER_HOST, DOCKER_CONTEXT) and
// write to its terminal.
type dockerCLI struct {
	command.Cli
	engine *guard.Engine
	config *configfile.ConfigFile
}

func (c *Client) dockerCLI(engine *guard.Engine) (*dockerCLI, error) {
	base, err := command.NewDockerCli(
		command.WithAPIClient(engine),
		command.WithInputStream(io.NopCloser(strings.NewReader(""))),
		command.WithOutputStream(io.Discard),
		command.WithErrorStream(io.Discard),
	)
	if err != nil {
		return nil, fmt.Errorf("set up the Docker CLI: %w", err)
	}
	file, err := c.dockerConfig()
	if err != nil {
		return nil, err
	}
	return &dockerCLI{Cli: base, engine: engine, config: file}, nil
}

// dockerConfig reads Docker's config.json anew: credentials in it expire and
// are replaced while the agent runs.
func (c *Client) dockerConfig() (*configfile.ConfigFile, error) {
	file, err := config.Load(c.configDir)
	if err != nil {
		return nil, fmt.Errorf("read Docker's configuration in %s: %w", c.configDir, err)
	}
	return file, nil
}

func (c *dockerCLI) Client() moby.APIClient             { return c.engine }
func (c *dockerCLI) ConfigFile() *configfile.ConfigFile { return c.config }
func (c *dockerCLI) CurrentContext() string             { return "default" }
func (c *dockerCLI) In() *streams.In                    { return c.Cli.In() }
