package sops

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"filippo.io/age"
	"github.com/google/go-cmp/cmp"

	"tandem/internal/harness/testbed/fuzzline"
)

func keys(t testing.TB, name string) []age.Identity {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	ids, err := age.ParseIdentities(strings.NewReader(string(data)))
	if err != nil {
		t.Fatal(err)
	}
	return ids
}

func fixture(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// open reads and opens a file under the test's key.
func open(t testing.TB, name string, data []byte) (map[string]string, error) {
	t.Helper()
	f, err := Read(name, data)
	if err != nil {
		return nil, err
	}
	return f.Open(keys(t, "key.txt"))
}

const pem = "-----BEGIN THING-----\nfirst line\nsecond line\n-----END THING-----\n"

// ofYAML is the plain text of most fixtures, as variables.
func ofYAML() map[string]string {
	return map[string]string{
		"DB_PASSWORD": "correct horse battery staple", "PORT": "5432", "NEGATIVE": "-7", "RATIO": "0.25", "ROUND": "2",
		"ON": "true", "OFF": "false", "EMPTY": "", "PEM": pem, "QUOTES": `a "b" \ $c #d`, "UNICODE": "pässwörd-☃",
	}
}

func TestOpen_ReadsWhatSOPSWrote(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]map[string]string{
		"all.env": {
			"DB_PASSWORD": "correct horse battery staple", "EMPTY": "", "EQUALS": "a=b==", "HASH": "a#b", "UNICODE": "pässwörd-☃",
			"PEM": "-----BEGIN THING-----\nfirst line\n-----END THING-----",
		},
		"all.yaml": ofYAML(),
		"all.json": {
			"DB_PASSWORD": "correct horse battery staple", "PORT": "5432", "RATIO": "0.25", "ON": "true", "EMPTY": "",
			"PEM": "first line\nsecond line\n", "ESCAPED": "tab\tquote\"slash\\", "UNICODE": "pässwörd-☃",
		},
		"two-recipients.yaml":     ofYAML(),
		"mac-only-encrypted.yaml": ofYAML(),
		"encrypted-regex.yaml":    ofYAML(),
		"encrypted-suffix.yaml":   ofYAML(),
		"unencrypted-suffix.yaml": ofYAML(),
		"unencrypted-regex.yaml":  ofYAML(),
		"encrypted-regex.env":     {"DB_PASSWORD": "correct horse battery staple", "PORT": "5432"},
		"encrypted-regex.json":    {"DB_PASSWORD": "correct horse battery staple", "PORT": "5432", "RATIO": "2.5", "ON": "true"},
	} {
		got, err := open(t, name, fixture(t, name))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestRead_TellsWhatEverybodyCanSee(t *testing.T) {
	t.Parallel()
	f, err := Read("encrypted-regex.json", fixture(t, "encrypted-regex.json"))
	if err != nil {
		t.Fatal(err)
	}
	type seen struct {
		Name      string
		Line      int
		Encrypted bool
	}
	var got []seen
	for _, v := range f.Values {
		got = append(got, seen{v.Name, v.Line, v.Encrypted})
		if v.Encrypted != strings.HasPrefix(v.Sealed, "ENC[") {
			t.Errorf("%s stands as %q", v.Name, v.Sealed)
		}
	}
	want := []seen{{"DB_PASSWORD", 2, true}, {"PORT", 3, false}, {"RATIO", 4, false}, {"ON", 5, false}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("values (-want +got):\n%s", diff)
	}
}

// secret is in every file below that was not encrypted, or not for us.
const secret = "planted"

func TestRead_RefusesWhatIsNoFlatFileForAge(t *testing.T) {
	t.Parallel()
	envelope := "\nsops_mac=x\nsops_lastmodified=x\n"
	for name, c := range map[string]struct {
		data []byte
		want string
	}{
		"plain.env":                 {[]byte("DB_PASSWORD=planted\n"), "plain.env: the file is not encrypted: whoever can read the repository knows what is in it"},
		"plain.yaml":                {[]byte("DB_PASSWORD: planted\n"), "plain.yaml: the file is not encrypted"},
		"plain.json":                {[]byte(`{"DB_PASSWORD": "planted"}`), "plain.json: the file is not encrypted"},
		"broken.yaml":               {[]byte("DB_PASSWORD: planted\n  planted: [\n"), "this is not YAML as SOPS writes it"},
		"broken.json":               {[]byte(`{"DB_PASSWORD": planted}`), "broken.json:1: this is not JSON as SOPS writes it"},
		"twice.json":                {[]byte(`{"DB_PASSWORD": "planted"} {"a": "planted"}`), "this is not JSON as SOPS writes it"},
		"broken.env":                {[]byte("planted\n"), "broken.env:1: want NAME=value"},
		"all.ini":                   {fixture(t, "all.ini"), "all.ini: want a file that ends in .env, .yaml, .yml or .json"},
		"nested.yaml":               {fixture(t, "nested.yaml"), "nested.yaml:1: a: a variable has one value, and this is a list or a mapping"},
		"list.yaml":                 {fixture(t, "list.yaml"), "list.yaml:1: a: a variable has one value"},
		"nested.json":               {fixture(t, "nested.json"), "nested.json:2: a: a variable has one value"},
		"two-documents.yaml":        {fixture(t, "two-documents.yaml"), "a second YAML document begins here"},
		"shamir.yaml":               {fixture(t, "shamir.yaml"), "shamir.yaml: sops.key_groups: the file needs several keys at once"},
		"comment-regex.yaml":        {fixture(t, "comment-regex.yaml"), "which values are encrypted depends on comments"},
		"pgp.env":                   {[]byte("A=" + token(t) + "\nsops_pgp__list_0__map_fp=x" + envelope), "encrypted for PGP, and tandem opens files with an age key only"},
		"kms.yaml":                  {[]byte("A: " + token(t) + "\nsops:\n  kms:\n    - arn: x\n  azure_kv:\n    - name: x\n  pgp: []\n"), "encrypted for AWS KMS and Azure Key Vault, and"},
		"vault.json":                {[]byte(`{"sops": {"hc_vault": [{"key_name": "x"}]}}`), "encrypted for HashiCorp Vault, and"},
		"nobody.yaml":               {[]byte("A: " + token(t) + "\nsops: {age: []}\n"), "encrypted for nobody"},
		"added-by-hand.env":         {append([]byte("NEW=planted\n"), fixture(t, "all.env")...), "added-by-hand.env:1: NEW: is not encrypted, although all else here is"},
		"number-by-hand.json":       {[]byte(strings.Replace(string(fixture(t, "all.json")), "{", "{\"NEW\": 4711,", 1)), "NEW: is not encrypted, although all else here is"},
		"nothing.yaml":              {append([]byte("NEW:\n"), fixture(t, "all.yaml")...), `nothing.yaml:1: NEW: has no value; write ""`},
		"twice.env":                 {append([]byte("EMPTY=\n"), fixture(t, "all.env")...), "EMPTY: is there twice (first in line 1); keep one"},
		"without-mac.env":           {[]byte(strings.ReplaceAll(string(fixture(t, "all.env")), "sops_mac", "sops_cam")), "sops.mac: is missing or damaged"},
		"without-lastmodified.env":  {[]byte(strings.ReplaceAll(string(fixture(t, "all.env")), "sops_lastm", "sops_m")), "sops.lastmodified: is missing"},
		"huge.env":                  {[]byte(strings.Repeat("x", MaxSize+1)), "larger than 1024 KiB"},
		"several-rules.env":         {append([]byte("sops_encrypted_regex=x\n"), fixture(t, "all.env")...), "more than one rule"},
		"expression-that-is-no.env": {[]byte(strings.ReplaceAll(string(fixture(t, "encrypted-regex.env")), "_regex=PASSWORD", "_regex=(")), "cannot be read"},
	} {
		_, err := Read(name, c.data)
		if !refused(err) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want faults with %q", name, err, c.want)
		}
		if err != nil && strings.Contains(err.Error(), secret) {
			t.Errorf("%s: the message repeats what is in the file: %v", name, err)
		}
	}
}

// token is an encrypted value.
func token(t testing.TB) string {
	t.Helper()
	f, err := Read("all.env", fixture(t, "all.env"))
	if err != nil {
		t.Fatal(err)
	}
	return f.Values[0].Sealed
}

func TestOpen_RefusesAnotherKey(t *testing.T) {
	t.Parallel()
	_, err := open(t, "other-key.env", fixture(t, "other-key.env"))
	if !errors.Is(err, ErrNotForUs) || !strings.Contains(err.Error(), "age1") || !strings.Contains(err.Error(), "sops updatekeys other-key.env") {
		t.Errorf("got %v, want ErrNotForUs, for whom the file is, and what to run", err)
	}
}

func TestOpen_RefusesQuotesThatSOPSTakesForPartOfTheValue(t *testing.T) {
	t.Parallel()
	_, err := open(t, "quoted.env", fixture(t, "quoted.env"))
	if err == nil || !strings.Contains(err.Error(), "quoted.env:1: DB_PASSWORD: begins and ends with a quote") || strings.Contains(err.Error(), secret) {
		t.Errorf("got %v", err)
	}
}

// Every change that leaves the file readable is found: a value, its place, its
// absence, a new one, the rules, the MAC, its time and the data key.
func TestOpen_RefusesATamperedFile(t *testing.T) {
	t.Parallel()
	all, partly := string(fixture(t, "all.env")), string(fixture(t, "unencrypted-regex.yaml"))
	env := strings.Split(all, "\n")
	moved := strings.NewReplacer("EQUALS=", "HASH=", "HASH=", "EQUALS=").Replace(all)
	only := string(fixture(t, "mac-only-encrypted.yaml"))
	for name, c := range map[string]struct{ file, data string }{
		"a value of another name":        {"a.env", moved},
		"a value cut short":              {"a.env", strings.Replace(all, "data:", "data:AAAA", 2)},
		"a value that is gone":           {"a.env", strings.Replace(all, env[1]+"\n", "", 1)},
		"a value that was emptied":       {"a.env", strings.Replace(all, env[1], "DB_PASSWORD=", 1)},
		"two values in another order":    {"a.env", strings.Replace(strings.Replace(all, env[1]+"\n", "", 1), env[4], env[4]+"\n"+env[1], 1)},
		"a plain value":                  {"a.yaml", strings.Replace(partly, "PORT: 5432", "PORT: 5433", 1)},
		"a plain value that was added":   {"a.yaml", strings.Replace(partly, "PORT: 5432", "PORT: 5432\nON: 7", 1)},
		"the time":                       {"a.env", strings.Replace(all, "sops_lastmodified=20", "sops_lastmodified=21", 1)},
		"the MAC's scope":                {"a.env", all + "sops_mac_only_encrypted=true\n"},
		"the MAC's scope, the other way": {"a.yaml", strings.Replace(only, "mac_only_encrypted: true", "mac_only_encrypted: false", 1)},
		"the data key":                   {"a.env", strings.Replace(all, "\\n-----END AGE", "AAAA\\n-----END AGE", 1)},
	} {
		if c.data == all || c.data == partly || c.data == only {
			t.Errorf("%s: nothing was changed", name)
		}
		got, err := open(t, c.file, []byte(c.data))
		if err == nil {
			t.Errorf("%s: opened, with %d values", name, len(got))
		}
		if err != nil && strings.Contains(err.Error(), "horse") {
			t.Errorf("%s: the message repeats a value: %v", name, err)
		}
	}
}

// FuzzRead wants of any input that it is refused with faults, or opened to
// variables for all that Read told of, or not at all.
func FuzzRead(f *testing.F) {
	for _, name := range []string{"all.env", "all.yaml", "all.json", "encrypted-regex.json", "mac-only-encrypted.yaml"} {
		f.Add(name, fixture(f, name))
	}
	ids := keys(f, "key.txt")
	line := fuzzline.Line{Base: 64 << 20, PerKiB: 16 << 20}
	f.Fuzz(func(t *testing.T, name string, data []byte) {
		line.Hold(t, len(data), func() {
			file, err := Read(name, data)
			if err != nil {
				if !refused(err) {
					t.Errorf("refused without faults: %v", err)
				}
				return
			}
			clear, err := file.Open(ids)
			if err != nil {
				return
			}
			for _, v := range file.Values {
				if _, ok := clear[v.Name]; !ok {
					t.Errorf("%q has no value", v.Name)
				}
			}
		})
	})
}

func refused(err error) bool {
	var faults *Faults
	return errors.As(err, &faults)
}
