package appfile

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"tandem/reconciler/deploy"
)

const lists = `
secrets: [secrets.enc.env]
singletons: [scheduler, mailer]
migrations: {expand: migrate-expand, contract: migrate-contract}
windows: ["0 9 * * MON-THU for 8h", "CRON_TZ=Europe/Berlin 0 9 * * SAT for 90m"]
on_failure: revert
`

func TestParseApp_ReadsLists(t *testing.T) {
	app, err := ParseApp(tandemYAML("tag: \"1\"\n" + goodRoutes + lists))
	if err != nil {
		t.Fatal(err)
	}
	got := deploy.App{Secrets: app.Secrets, Singletons: app.Singletons, Migrations: app.Migrations, Windows: app.Windows, OnFailure: app.OnFailure}
	want := deploy.App{
		Secrets: []string{"secrets.enc.env"}, Singletons: []string{"scheduler", "mailer"},
		Migrations: deploy.Migrations{Expand: "migrate-expand", Contract: "migrate-contract"},
		Windows:    []string{"0 9 * * MON-THU for 8h", "CRON_TZ=Europe/Berlin 0 9 * * SAT for 90m"},
		OnFailure:  "revert",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("App (-want +got):\n%s", diff)
	}
}

func TestParseApp_ChecksListsItemByItem(t *testing.T) {
	_, err := ParseApp(tandemYAML(`tag: "1"
` + goodRoutes + `secrets:
  - ../keys.env
singletons:
  - scheduler
  - bad name
  - scheduler
migrations:
  expand: [a]
  rollback: b
windows:
  - 0 9 * * MON-THU
  - 0 9 * * MON-THU for ever
  - 0 9 * * MON-THU for 30s
  - 0 25 * * * for 8h
  - "@every 1h for 8h"
  - TZ=Europe/Berlin for 8h
  - 0 0 31 2 * for 8h
`))
	want := `shop/tandem.yaml:5: secrets[0]: "../keys.env" may lead out of the app's directory; put the file inside it and write the path without ..
shop/tandem.yaml:8: singletons[1]: want the name of a Compose service (letters, digits, . _ -), got "bad name"
shop/tandem.yaml:9: singletons[2]: scheduler is listed twice (first in line 7); keep one
shop/tandem.yaml:11: migrations.expand: want text, got a list
shop/tandem.yaml:12: migrations.rollback: unknown key; known here: expand, contract
shop/tandem.yaml:14: windows[0]: want a cron expression and a length, such as "0 9 * * MON-THU for 8h", got "0 9 * * MON-THU": it does not say for how long
shop/tandem.yaml:15: windows[1]: want a cron expression and a length, such as "0 9 * * MON-THU for 8h", got "0 9 * * MON-THU for ever": time: invalid duration "ever"
shop/tandem.yaml:16: windows[2]: want a cron expression and a length, such as "0 9 * * MON-THU for 8h", got "0 9 * * MON-THU for 30s": 30s is not from 1m to 168h
shop/tandem.yaml:17: windows[3]: want a cron expression and a length, such as "0 9 * * MON-THU for 8h", got "0 25 * * * for 8h": end of range (25) above maximum (23): 25
shop/tandem.yaml:18: windows[4]: want a cron expression and a length, such as "0 9 * * MON-THU for 8h", got "@every 1h for 8h": @every is not a time of day
shop/tandem.yaml:19: windows[5]: want a cron expression and a length, such as "0 9 * * MON-THU for 8h", got "TZ=Europe/Berlin for 8h": a time zone and nothing after it
shop/tandem.yaml:20: windows[6]: want a cron expression and a length, such as "0 9 * * MON-THU for 8h", got "0 0 31 2 * for 8h": it never comes
`
	if diff := cmp.Diff(want, messages(err)); diff != "" {
		t.Errorf("messages (-want +got):\n%s", diff)
	}
}

func TestParseApp_EmptyListsAskForNothing(t *testing.T) {
	if _, err := ParseApp(tandemYAML("tag: \"1\"\n" + goodRoutes + "secrets: []\nsingletons: []\nmigrations: {}\nwindows: []\non_failure: hold\n")); err != nil {
		t.Error(err)
	}
}
