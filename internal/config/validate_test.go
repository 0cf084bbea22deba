package config

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func sorted(lines []string) []string {
	slices.Sort(lines)
	return lines
}

func TestValidate_DefaultWithARepositoryIsGood(t *testing.T) {
	c := Default()
	c.Repo.URL = "/srv/deploy.git"
	c.Listen = "127.0.0.1:0"
	if err := c.Validate(); err != nil {
		t.Error(err)
	}
}

func TestValidate_NamesEveryKeyThatIsWrong(t *testing.T) {
	want := `agent configuration: repo.url: is missing; write it in the agent's file, or give --repo-url or TANDEM_REPO_URL
agent configuration: repo.branch: is empty; write the name of a branch
agent configuration: repo.apps: is empty; write where the apps are, such as ["**/tandem.yaml"]
agent configuration: repo.poll: want from 1s to 24h, got 0s
agent configuration: status.branch: is empty; write the name of a branch
agent configuration: status.path: want {app} in it, else all apps would share one file, got ""
agent configuration: nginx.dir: want an absolute path of letters, digits and . _ - (it stands in Nginx's configuration), got ""
agent configuration: nginx.switch: want flip or reload, got ""
agent configuration: nginx.command: is empty; write how Nginx is called, such as nginx or nginx -c /srv/nginx.conf
agent configuration: docker.ports: want ports from 1024 to 65535, got 0-0
agent configuration: docker.host: want unix:///path/of/the.sock or tcp://host:port, got ""
agent configuration: forge.kind: want auto, github, gitlab, gitea (Forgejo too) or none, got ""
agent configuration: listen: want an address such as 127.0.0.1:8484, got ""
agent configuration: nginx.confirm: want an address such as 127.0.0.1:8485, got ""
agent configuration: state: want an absolute directory, such as /var/lib/tandem, got ""
agent configuration: apps: want an absolute directory, such as /etc/tandem/apps, got ""
`
	if diff := cmp.Diff(want, messages(Config{}.Validate())); diff != "" {
		t.Errorf("messages (-want +got):\n%s", diff)
	}
}

func TestValidate_BranchNames(t *testing.T) {
	for name, want := range map[string]bool{
		"main": true, "release/1.2": true, "a-b_c.d": true, "ünïcode": true,
		"": false, "HEAD": false, "-x": false, "a b": false, "a..b": false, "a~1": false, "a^": false, "a:b": false, "a?": false,
		"a*": false, "a[": false, `a\b`: false, "/a": false, "a/": false, "a//b": false, ".a": false, "a/.b": false, "a.lock": false,
		"a.": false, "a@{1}": false, "@": false, "a\x7f": false, "a\nb": false,
	} {
		if got := branchName(name); got != want {
			t.Errorf("branchName(%q) = %v", name, got)
		}
	}
}

func TestPoll_NextIsAfterTheDurationOrAtTheTime(t *testing.T) {
	now := time.Date(2026, 11, 22, 10, 7, 30, 0, time.UTC)
	for text, want := range map[string]time.Time{
		"10s":                   now.Add(10 * time.Second),
		"1h30m":                 now.Add(90 * time.Minute),
		"CRON_TZ=UTC 5 * * * *": time.Date(2026, 11, 22, 11, 5, 0, 0, time.UTC),
	} {
		p, err := ParsePoll(text)
		if err != nil || !p.Next(now).Equal(want) {
			t.Errorf("%s: err %v, next %v, want %v", text, err, p.Next(now), want)
		}
		again, err := ParsePoll(p.String())
		if err != nil || again != p {
			t.Errorf("%s is printed as %s, which reads as %+v (%v)", text, p, again, err)
		}
	}
	if got := (Poll{Cron: "nonsense"}).Next(now); !got.IsZero() {
		t.Errorf("a poll that cannot be read comes at %v", got)
	}
	if err := (Poll{Every: time.Minute, Cron: "* * * * *"}).check(); err == nil {
		t.Error("a duration and a cron expression at once are accepted")
	}
}

func TestStatus_FileFillsInTheNames(t *testing.T) {
	if got := (Status{Path: "{host}/{app}.yaml"}).File("shop", "vps-1"); got != "vps-1/shop.yaml" {
		t.Errorf("got %s", got)
	}
}

func TestBranchName_AllOfItIsSeen(t *testing.T) {
	for _, name := range []string{"main\u202e", "pr\u200bod", "\u2066main\u2069", "main\u200f", "m\u061cain", "ma\u200din", "so\u00adft", "tag\U000e0041", "\x01", "a\u2028b"} {
		if branchName(name) {
			t.Errorf("%q is taken for a branch", name)
		}
	}
	for _, name := range []string{"main", "team/größer", "東京"} {
		if !branchName(name) {
			t.Errorf("%q is refused", name)
		}
	}
}
