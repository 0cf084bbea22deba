package testbed

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
)

func TestReservePorts_NobodyElseIsGivenTheSame(t *testing.T) {
	seen := map[int]bool{}
	for range 5 {
		p, err := ReservePorts(40)
		if err != nil {
			t.Fatal(err)
		}
		defer func() {
			if err := p.Close(); err != nil {
				t.Error(err)
			}
		}()
		for _, n := range p.Numbers {
			if seen[n] {
				t.Errorf("port %d was given out twice", n)
			}
			seen[n] = true
		}
	}
	if len(seen) != 200 {
		t.Errorf("got %d ports, want 200", len(seen))
	}
}

func TestReservePorts_CloseGivesThemBack(t *testing.T) {
	first, last, err := portWindow()
	if err != nil {
		t.Fatal(err)
	}
	half := (last - first) / 2
	for range 4 {
		p, err := ReservePorts(half)
		if err != nil {
			t.Fatal(err)
		}
		if err := p.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestPortWindow_LiesOutsideTheEphemeralRange(t *testing.T) {
	tests := []struct {
		ephemeral   string
		first, last int
	}{
		{"32768\t60999", 23000, 27999},
		{"1024 22000", 23000, 27999},
		{"16384 65535", 11384, 16383},
		{"3000 65535", 1025, 2999},
		{"1024 60999", 61000, 65535},
	}
	for _, test := range tests {
		first, last, err := windowBelow(test.ephemeral)
		if err != nil || first != test.first || last != test.last {
			t.Errorf("windowBelow(%q) = %d, %d, %v; want %d, %d", test.ephemeral, first, last, err, test.first, test.last)
		}
	}
	for _, bad := range []string{"1024 65535", "", "x y"} {
		if first, last, err := windowBelow(bad); err == nil {
			t.Errorf("windowBelow(%q) = %d, %d; want an error", bad, first, last)
		}
	}
}

func TestUntil_TellsWhatWasAwaitedAndTheLastReason(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	calls := 0
	err := Until(ctx, "the moon", func() error {
		calls++
		if calls == 3 {
			cancel(errors.New("dawn"))
		}
		return errors.New([]string{"", "clouds", "fog", "rain"}[calls])
	})
	if err == nil || err.Error() != "wait for the moon: rain (dawn)" {
		t.Errorf("got %v", err)
	}
}

func TestUntil_ReturnsAtOnceWhenTheConditionHolds(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := Until(ctx, "nothing", func() error { return nil }); err != nil {
		t.Errorf("got %v, want nil although the context has ended", err)
	}
}

func TestRequire_NamesEveryMissingProgramAndItsPackage(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	err := Require("no-such-program", "sshd-not-here", "nginx")
	if err == nil {
		t.Fatal("got nil")
	}
	got := slices.Collect(strings.Lines(err.Error()))
	want := []string{
		"no-such-program is not installed: apt-get install no-such-program\n",
		"sshd-not-here is not installed: apt-get install sshd-not-here",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q; nginx is in sbin, not on the PATH", got, want)
	}
	if p := debianPackage("docker"); p != "docker.io" {
		t.Errorf("docker is in %s, want docker.io", p)
	}
}
