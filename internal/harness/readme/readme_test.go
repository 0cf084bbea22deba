package readme

import (
	"path/filepath"
	"testing"
)

// checks are all that is looked at; each returns one line a finding, which says
// where and what.
var checks = []struct {
	name string
	run  func(testing.TB, facts, []page) []string
}{
	{"every YAML block is real", checkYAML},
	{"the whole tandem.yaml shows the defaults", checkDesiredDefaults},
	{"the whole agent.yaml shows every key and the defaults", checkAgentDefaults},
	{"every command and flag exists", checkCommands},
	{"every make target and variable exists", checkMake},
	{"every test that is named exists", checkTests},
	{"every link and path leads somewhere", checkLinks},
	{"every table has what the code has", checkTables},
	{"every message is one that tandem writes", checkMessages},
	{"the unit is hardened and fits the program", checkUnit},
	{"every direct dependency has its reason", checkReasons},
	{"the licences are those of what is in the binary", checkLicenses},
}

func TestThePagesAreTrue(t *testing.T) {
	f := newFacts(t, filepath.Join("..", "..", ".."))
	pages := readPages(t, f.root)
	for _, check := range checks {
		t.Run(check.name, func(t *testing.T) {
			for _, finding := range check.run(t, f, pages) {
				t.Error(finding)
			}
		})
	}
}
