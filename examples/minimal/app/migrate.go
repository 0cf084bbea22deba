package main

import (
	"context"
	"errors"
	"fmt"
	"log"
)

// failedMigration is the exit code of a migration that fails. It is told from the
// 1 of a program that could not even begin.
const failedMigration = 3

// errMigration ends the program with failedMigration.
var errMigration = errors.New("cannot change the schema: MIGRATE_FAIL")

// migrate stands for a change of the database's schema. It has no schema; it records
// that it ran, so that runs can be counted.
func migrate(ctx context.Context, s settings, name string) (err error) {
	r, err := openRecord(s.migrate)
	if err != nil {
		return fmt.Errorf("MIGRATE: %w", err)
	}
	defer func() { err = errors.Join(err, r.close()) }()
	if err := r.alone(ctx, name+" "+s.tag); err != nil {
		return err
	}
	if err := r.add("begin %s %s", name, s.tag); err != nil {
		return err
	}
	log.Printf("shop: %s migrates: %s", s.tag, name)
	if s.migrateFail == "1" || s.migrateFail == name {
		return errMigration
	}
	if err := pause(ctx, s.migrateTime); err != nil {
		return err
	}
	return r.add("end %s %s", name, s.tag)
}
