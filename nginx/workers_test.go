package nginx

import "testing"

func TestProcess_TakesConnectionsUnlessItsTitleSaysThatItEnds(t *testing.T) {
	for title, want := range map[string]bool{
		"nginx: worker process":                    true,
		"nginx: worker process is shutting down":   false,
		"angie: worker process #1":                 true,
		"angie: worker process is shutting down":   false,
		"nginx: master process nginx -g daemon on": false,
		"nginx: cache manager process":             false,
		"worker process":                           false,
		"":                                         false,
	} {
		if got := (process{title: title}).takesConnections(); got != want {
			t.Errorf("%q takes connections: %t", title, got)
		}
	}
}
