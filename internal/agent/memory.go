package agent

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"tandem/internal/atomicfile"
	"tandem/reconciler"
)

// memoryFile is where the memory of one app lies.
func memoryFile(state, app string) string {
	return filepath.Join(state, "apps", app+".json")
}

// loadMemory reads an app's memory. A missing file is an empty memory. So is one
// that cannot be read as JSON, because the agent can do without; the bad file is
// kept beside it for a person to look at.
func loadMemory(state, app string) (reconciler.Memory, error) {
	path := memoryFile(state, app)
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return reconciler.Memory{}, nil
	}
	if err != nil {
		return reconciler.Memory{}, fmt.Errorf("read memory: %w", err)
	}
	m, err := reconciler.DecodeMemory(data)
	if err != nil {
		return reconciler.Memory{}, errors.Join(err, os.Rename(path, path+".bad"))
	}
	return m, nil
}

// saveMemory returns the function with which a Runner saves its memory.
func saveMemory(state, app string) func(reconciler.Memory) error {
	return func(m reconciler.Memory) error {
		data, err := m.Encode()
		if err != nil {
			return err
		}
		path := memoryFile(state, app)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return err
		}
		return atomicfile.Write(path, data, 0o600)
	}
}
