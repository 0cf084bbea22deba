package compose

import (
	"testing"
	"time"

	"tandem/compose/project"
	"tandem/reconciler/deploy"
)

func TestPendingReason_WhatASharedServiceStillLacks(t *testing.T) {
	now := time.Now()
	is := func(state string, code, restarts int, age time.Duration) observed {
		o := observed{Container: deploy.Container{Name: "db-1", Service: "db", State: state, ExitCode: code, Restarts: restarts, StartedAt: now.Add(-age)}}
		return o
	}
	withHealth := is("running", 0, 1, 0)
	withHealth.health = "starting"
	once := project.ListedService{OneShot: true, MayEnd: true}
	for name, c := range map[string]struct {
		o       observed
		service project.ListedService
		want    string
		failed  bool
	}{
		"runs":                              {o: is("running", 0, 0, 0)},
		"not started yet":                   {o: is("created", 0, 0, 0), want: "db-1 is created"},
		"ended":                             {o: is("exited", 0, 0, 0), want: `db-1 ended with exit code 0; if it is meant to end, write restart: "no" and no ports: under services.db`, failed: true},
		"a one-shot that ended well":        {o: is("exited", 0, 0, 0), service: once},
		"may end, and did":                  {o: is("exited", 0, 0, 0), service: project.ListedService{MayEnd: true}},
		"may end, and runs":                 {o: is("running", 0, 0, 0), service: project.ListedService{MayEnd: true}},
		"a one-shot that failed":            {o: is("exited", 1, 0, 0), service: once, want: "db-1 ended with exit code 1", failed: true},
		"a one-shot that is at work":        {o: is("running", 0, 0, 0), service: once, want: "db-1 has not finished"},
		"ended, as if it waited for others": {o: is("restarting", 1, 1, 0), want: "db-1 ends and is started again and again (exit code 1)"},
		"in a loop":                         {o: is("restarting", 1, 3, 0), want: "db-1 ends and is started again and again (exit code 1)", failed: true},
		"between two ends of a loop":        {o: is("running", 0, 1, time.Second), want: "db-1 ended and was started again (restarts: 1)"},
		"was started again long ago":        {o: is("running", 0, 7, time.Hour)},
		"says itself whether it is healthy": {o: withHealth},
	} {
		what, failed := pendingReason(c.o, c.service, now)
		if what != c.want || failed != c.failed {
			t.Errorf("%s: %q, failed: %t; want %q, %t", name, what, failed, c.want, c.failed)
		}
	}
}

func TestPendingIn_AServiceOfTheFileHasItsContainersAndAnyOtherIsWaitedForByNobody(t *testing.T) {
	gone := observed{Container: deploy.Container{Name: "old-1", Service: "old", State: "exited", ExitCode: 1}}
	runs := observed{Container: deploy.Container{Name: "db-1", Service: "db", State: "running"}}
	pending := pendingIn(project.ServiceList{{Name: "cache", Count: 1}, {Name: "db", Count: 1}}, []observed{runs, gone}, time.Now())
	if len(pending) != 1 || pending[0].Service != "cache" || pending[0].what != "it has no container" || pending[0].failed {
		t.Errorf("lacking %+v, want a container for cache alone", pending)
	}
}
