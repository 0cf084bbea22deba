package nginx

// Waiting is how many apps wait for their turn to be prepared.
func (p *Proxy) Waiting() int { return len(p.waiting.all()) }
