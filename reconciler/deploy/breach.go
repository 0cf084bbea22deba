package deploy

import (
	"fmt"
	"time"
)

// Figure names what a watch looks at. It is a label of metrics, so there are few.
type Figure string

// The figures, with the unit of their values.
const (
	ErrorRatio  Figure = "error_ratio"     // share of requests answered with 5xx, 0 to 1
	P95Seconds  Figure = "p95_seconds"     // seconds
	MemoryBytes Figure = "memory_bytes"    // bytes, of all containers together
	CPUCores    Figure = "cpu_cores"       // cores, of all containers together
	MemoryShare Figure = "memory_ratio"    // share of a container's own limit, 0 to 1
	RestartSum  Figure = "restarts"        // since the flip
	HealthSick  Figure = "unhealthy_looks" // in a row
	StoppedSum  Figure = "containers_down" // that ought to run
)

// Figures lists all of them.
func Figures() []Figure {
	return []Figure{ErrorRatio, P95Seconds, MemoryBytes, CPUCores, MemoryShare, RestartSum, HealthSick, StoppedSum}
}

// Breach is a figure that is over its limit, for metrics; Words say it to people.
type Breach struct {
	Figure Figure
	Value  float64
	Limit  float64
	Words  string
}

// breach makes one; times are counted in seconds from here on.
func breach(f Figure, value float64, x limit, words string, args ...any) *Breach {
	b := &Breach{Figure: f, Value: value, Limit: x.most, Words: fmt.Sprintf(words, args...)}
	if f == P95Seconds {
		b.Value, b.Limit = time.Duration(value).Seconds(), time.Duration(x.most).Seconds()
	}
	return b
}
