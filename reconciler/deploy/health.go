package deploy

import "fmt"

// Sick says what is wrong with an answer, and nothing when it is healthy.
func (h Health) Sick(p Probe) string {
	switch {
	case p.Took > h.MaxLatency:
		return fmt.Sprintf("%s took longer than %s", h.Path, h.MaxLatency)
	case p.Err != nil:
		return fmt.Sprintf("%s: %v", h.Path, p.Err)
	case p.Status < h.StatusMin || p.Status > h.StatusMax:
		return fmt.Sprintf("%s answered %d, healthy is %s", h.Path, p.Status, h.statusText())
	default:
		return ""
	}
}

func (h Health) statusText() string {
	if h.StatusMin == h.StatusMax {
		return itoa(h.StatusMin)
	}
	return itoa(h.StatusMin) + "-" + itoa(h.StatusMax)
}
