package notify

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"tandem/internal/lib/atomicfile"
)

// journal is what is known on disk.
type journal struct {
	Tracker tracker `json:"ledger"`
	Outbox  outbox  `json:"outbox"`
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
	j.notAhead(time.Now())
	return j, nil
}

// notAhead puts right what was noted by a clock that was ahead: it would keep
// everything waiting for as long.
func (j *journal) notAhead(now time.Time) {
	early := func(t *time.Time) {
		if t.After(now) {
			*t = now
		}
	}
	for _, a := range j.Tracker.Apps {
		for key, told := range a.Reported {
			early(&told)
			a.Reported[key] = told
		}
		if a.Trouble != nil {
			early(&a.Trouble.Since)
			early(&a.Trouble.Well)
		}
	}
	for i := range j.Outbox.Letters {
		early(&j.Outbox.Letters[i].After) // a pause is begun anew after the next failure
	}
}

// encode returns the bytes of the file. A letter under way is still in it: an
// agent that is killed in that moment tells again rather than never.
func (j *journal) encode() ([]byte, error) { return json.MarshalIndent(j, "", "  ") }

func writeJournal(path string, data []byte) error { return atomicfile.Write(path, data, 0o600) }
