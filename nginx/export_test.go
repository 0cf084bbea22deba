package nginx

import "context"

// Waiting is how many apps wait for their turn to be prepared.
func (p *Proxy) Waiting() int { return len(p.waiting.all()) }

// TestConfiguration is what `nginx -T` says.
func (p *Proxy) TestConfiguration() (string, error) { return p.test(context.Background()) }
