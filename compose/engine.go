package compose

import "github.com/docker/docker/client"

// Engine is the connection to Docker, for what looks at containers that belong
// to no stack, such as the one that Nginx runs in. It is closed by Close.
func (c *Client) Engine() *client.Client { return c.engine }
