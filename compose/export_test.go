package compose

import (
	"time"

	moby "github.com/moby/moby/client"

	"tandem/reconciler"
)

// Guarded is the engine as the Compose SDK sees it, past all rules for the file.
func (c *Client) Guarded(app reconciler.App, color reconciler.Color) moby.APIClient {
	return c.guarded(app, app.Project(color))
}

// SDKEngine is the same engine without anybody who looks.
func (c *Client) SDKEngine() *moby.Client { return c.sdkEngine }

// SetHookTime says how long the pre_stop hooks of one container may take.
func (c *Client) SetHookTime(d time.Duration) { c.hookTime = d }

// IsNotAllowed tells whether the error says that this host does not allow something.
func IsNotAllowed(err error) bool {
	_, ok := err.(*notAllowedError)
	return ok
}
