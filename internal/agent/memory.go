package agent

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"tandem/internal/lib/atomicfile"
	"tandem/reconciler/deploy"
)

// memoryFile is where the memory of one app lies.
func memoryFile(state, app string) string {
	return filepath.Join(state, "apps", app+".json")
}

// loadMemory reads an app's memory, and changes nothing. A missing file is an empty
// memory; so is one that makes no sense, of which the error tells.
func loadMemory(state, app string) (deploy.Memory, error) {
	data, err := os.ReadFile(memoryFile(state, app))
	if errors.Is(err, fs.ErrNotExist) {
		return deploy.Memory{}, nil
	}
	if err != nil {
		return deploy.Memory{}, fmt.Errorf("read memory: %w", err)
	}
	m, err := deploy.DecodeMemory(data)
	if err != nil {
		return deploy.Memory{}, fmt.Errorf("%w: %w", errSenseless, err)
	}
	return m, nil
}

// errSenseless says that the file could be read, and holds no memory.
var errSenseless = errors.New("memory makes no sense")

// takeMemory is loadMemory for who will save it, too. A file that makes no sense is
// kept beside it for a person to look at: the agent can do without.
func takeMemory(state, app string) (deploy.Memory, error) {
	m, err := loadMemory(state, app)
	if errors.Is(err, errSenseless) {
		path := memoryFile(state, app)
		err = errors.Join(err, os.Rename(path, path+".bad"))
	}
	return m, err
}

// saveMemory returns the function with which a Runner saves its memory.
func saveMemory(state, app string) func(deploy.Memory) error {
	return func(m deploy.Memory) error {
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
