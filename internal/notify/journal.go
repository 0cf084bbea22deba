package notify

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"tandem/internal/atomicfile"
)

// journal is what is known on disk.
type journal struct {
	Ledger ledger `json:"ledger"`
	Outbox outbox `json:"outbox"`
}

// readJournal reads what a former process knew. A missing file is an empty
// journal. So is one that cannot be read as JSON; it is kept beside, for a person
// to look at.
func readJournal(path string) (journal, error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return journal{}, nil
	}
	if err != nil {
		return journal{}, fmt.Errorf("read what was told: %w", err)
	}
	var j journal
	if err := json.Unmarshal(data, &j); err != nil {
		return journal{}, errors.Join(fmt.Errorf("read what was told: %w", err), os.Rename(path, path+".bad"))
	}
	return j, nil
}

// encode returns the bytes of the file. A letter under way is still in it: an
// agent that is killed in that moment tells again rather than never.
func (j *journal) encode() ([]byte, error) { return json.MarshalIndent(j, "", "  ") }

func writeJournal(path string, data []byte) error { return atomicfile.Write(path, data, 0o600) }
