package config

import (
	"maps"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestOwnPorts_AreThoseOfEveryAddressThatTheAgentNames(t *testing.T) {
	for _, c := range []struct {
		listen, confirm string
		want            []int
	}{
		{"127.0.0.1:8484", "127.0.0.1:8485", []int{8484, 8485}},
		{"[::1]:9000", "127.0.0.9:9001", []int{9000, 9001}},
		{"0.0.0.0:9000", "[::1]:9001", []int{9000, 9001}},
		{":9000", "localhost:9001", []int{9000, 9001}},
		{"192.0.2.7:9000", "127.0.0.1:9000", []int{9000}},
		{"127.0.0.1:http", "127.0.0.1:9001", []int{80, 9001}},
		{"127.0.0.1:0", "127.0.0.1:9001", []int{9001}},
		{"nonsense", "", nil},
	} {
		cfg := Default()
		cfg.Listen, cfg.Nginx.Confirm = c.listen, c.confirm
		if diff := cmp.Diff(c.want, slices.Sorted(maps.Keys(cfg.OwnPorts()))); diff != "" {
			t.Errorf("%s and %s (-want +got):\n%s", c.listen, c.confirm, diff)
		}
	}
	if got := Default().OwnPorts(); len(got) != 2 || got[8484] == "" || got[8485] == "" {
		t.Errorf("where nothing is said: %v", got)
	}
}
