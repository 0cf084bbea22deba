// Package metrics counts what the agent does, for Prometheus.
//
// Start with Metrics: it hears the agent's events, never blocks, and answers
// GET /metrics with its own registry. Every label has a bounded set of values
// (labels.go), and the series of an app that left the repository go with it.
package metrics
