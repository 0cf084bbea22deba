package compose

import "tandem/internal/lib/containerexec"

// Container is one that belongs to no stack, such as the one that Nginx runs in. It
// may be used until Close.
func (c *Client) Container(name string) *containerexec.Container {
	return containerexec.New(c.engine, name)
}
