package main

import (
	"fmt"
	"os"
	"time"
)

// settings is the environment, read once.
type settings struct {
	color      string        // COLOR: the stack this container belongs to
	tag        string        // TAG: built into the image, so that the answer proves which image runs
	greeting   string        // GREETING: any text; changing it makes another release with the same tag
	listen     string        // LISTEN: address of api, web and store; ":3000"
	startDelay time.Duration // START_DELAY: api and web take this long to start
	store      string        // STORE: address of the store; empty: orders are counted in memory
	data       string        // DATA: the directory in which the store keeps its file; "/data"
	host       string

	schedule    string        // SCHEDULE: the file into which the scheduler records
	migrate     string        // MIGRATE: the file into which a migration records
	migrateTime time.Duration // MIGRATE_TIME: a migration takes this long; "0s"
	migrateFail string        // MIGRATE_FAIL: "1", or the name of the migration that fails
	// BREAK, as it is built into an image, or OVERRIDE_BREAK when that is not
	// empty: the Compose file sets the latter, and an empty variable that it set
	// would hide the image's own.
	trouble trouble
}

func settingsFrom(env func(string) string) (settings, error) {
	s := settings{
		color:    env("COLOR"),
		tag:      env("TAG"),
		greeting: or(env("GREETING"), "hello"),
		listen:   or(env("LISTEN"), ":3000"),
		store:    env("STORE"),
		data:     or(env("DATA"), "/data"),

		schedule:    env("SCHEDULE"),
		migrate:     env("MIGRATE"),
		migrateFail: env("MIGRATE_FAIL"),
	}
	var err error
	if s.startDelay, err = time.ParseDuration(or(env("START_DELAY"), "0s")); err != nil {
		return s, fmt.Errorf("START_DELAY: %w", err)
	}
	if s.migrateTime, err = time.ParseDuration(or(env("MIGRATE_TIME"), "0s")); err != nil {
		return s, fmt.Errorf("MIGRATE_TIME: %w", err)
	}
	if s.trouble, err = parseTrouble(or(env("OVERRIDE_BREAK"), env("BREAK"))); err != nil {
		return s, err
	}
	s.host, err = os.Hostname()
	return s, err
}

func or(value, fallback string) string {
	if value == "" {
		return fallback
	}
	return value
}
