package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"tandem/internal/lib/atomicfile"
)

func main() {
	if err := run(context.Background(), os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "licenses:", err)
		os.Exit(1)
	}
}

// run writes the page to the one file that args name. Nothing is written unless
// every licence is known.
func run(ctx context.Context, args []string) error {
	if len(args) != 1 {
		return errors.New("want the file to write, such as docs/licenses.md")
	}
	modules, err := inBinary(ctx)
	if err != nil {
		return err
	}
	var unknown error
	for i := range modules {
		if modules[i].licenses, err = modules[i].scan(); err != nil {
			unknown = errors.Join(unknown, err)
		}
	}
	if unknown != nil {
		return unknown
	}
	return atomicfile.Write(args[0], []byte(page(modules)), 0o644)
}
