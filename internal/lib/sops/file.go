package sops

import (
	"encoding/base64"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
)

// Value is one variable of a file, as everybody can see it there.
type Value struct {
	Name      string
	Line      int    // 1-based, of its name
	Sealed    string // what stands in the file: it changes with the value and, when Encrypted, tells nothing of it
	Encrypted bool   // false: Sealed is the value, by the file's own rules or because it is empty
}

// File is an encrypted file that has not been opened.
type File struct {
	Values []Value // in the order of the file

	name  string
	items []item
	meta  metadata
}

// MaxSize is the size in bytes up to which a file is read.
const MaxSize = 1 << 20

// Read takes a file apart. Its name, with which the faults begin, decides the
// format, as it does for SOPS (config.go: IsEnvFile and its neighbours). The error
// is *Faults; none repeats a value, because the file may turn out not to
// be encrypted.
func Read(name string, data []byte) (*File, error) {
	f := &File{name: name}
	var r report
	r.file = name
	switch {
	case len(data) > MaxSize:
		return f, TooLarge(name)
	case path.Ext(name) == ".yaml" || path.Ext(name) == ".yml":
		f.items, f.meta = readYAML(data, &r)
	case path.Ext(name) == ".json":
		f.items, f.meta = readJSON(data, &r)
	case strings.HasSuffix(name, ".env"):
		f.items, f.meta = readDotenv(data, &r)
	default:
		r.add(0, "", "want a file that ends in .env, .yaml, .yml or .json, by which its format is known")
	}
	if len(r.faults) == 0 {
		f.check(&r)
	}
	return f, r.err()
}

// TooLarge is the fault of a file that has more than MaxSize bytes, for who does not
// even read it.
func TooLarge(name string) error {
	var r report
	r.file = name
	r.add(0, "", "the file is larger than %d KiB; a file of secrets is a page of text", MaxSize>>10)
	return r.err()
}

// item is one entry of the file, the metadata aside.
type item struct {
	name string
	line int
	text string // of a scalar, without quotes
	kind kind
}

// kind is what the file's format takes an item for.
type kind int

const (
	kindText kind = iota
	kindNumber
	kindBool
	kindNothing
	kindNested // a list or a mapping
)

// Fault is one thing that is wrong with a file. It repeats no value.
type Fault struct {
	Line int    // 1-based; 0 when the fault belongs to no line
	Path string // the name of the value, or where in the metadata; may be empty
	Text string // what is wrong and what to write instead
}

// Faults is all that is wrong with one file.
type Faults struct {
	File string // as Read was given it
	List []Fault
}

// Error has a line for each fault, which begins with the file and the line.
func (f *Faults) Error() string {
	lines := make([]string, len(f.List))
	for i, x := range f.List {
		lines[i] = f.File + ": "
		if x.Line > 0 {
			lines[i] = fmt.Sprintf("%s:%d: ", f.File, x.Line)
		}
		if x.Path != "" {
			lines[i] += x.Path + ": "
		}
		lines[i] += x.Text
	}
	return strings.Join(lines, "\n")
}

// report collects faults.
type report struct {
	file   string
	faults []Fault
}

func (r *report) err() error {
	if len(r.faults) == 0 {
		return nil
	}
	return &Faults{File: r.file, List: r.faults}
}

func (r *report) add(line int, where, format string, args ...any) {
	r.faults = append(r.faults, Fault{Line: line, Path: where, Text: fmt.Sprintf(format, args...)})
}

// check finds what keeps the file from being opened by any key, and lists its values.
func (f *File) check(r *report) {
	if !f.meta.present {
		r.add(0, "", "the file is not encrypted: whoever can read the repository knows what is in it. Change these secrets where they are used, "+
			"then encrypt the file (sops encrypt --in-place %s) and commit that", path.Base(f.name))
		return
	}
	f.meta.check(r)
	encrypted, err := f.meta.rule()
	if err != nil {
		r.add(0, "sops", "%v", err)
		return
	}
	seen := map[string]int{}
	for _, i := range f.items {
		if first, twice := seen[i.name]; twice {
			r.add(i.line, i.name, "is there twice (first in line %d); keep one", first)
			continue
		}
		seen[i.name] = i.line
		if wrong := i.wrong(encrypted(i.name)); wrong != "" {
			r.add(i.line, i.name, "%s", wrong)
			continue
		}
		f.Values = append(f.Values, Value{Name: i.name, Line: i.line, Sealed: i.text, Encrypted: encrypted(i.name) && i.text != ""})
	}
}

// wrong says why the item is no variable, "" when it is one.
func (i item) wrong(encrypted bool) string {
	switch {
	case i.kind == kindNested:
		return "a variable has one value, and this is a list or a mapping: write each value under a name of its own"
	case i.kind == kindNothing:
		return `has no value; write "" for an empty one`
	case !encrypted || i.kind == kindText && i.text == "":
		return "" // SOPS leaves what is empty as it is (aes/cipher.go: isEmpty)
	case i.kind != kindText:
		return notEncrypted
	}
	s, err := unpack(i.text)
	switch {
	case err != nil:
		return notEncrypted
	case !slices.Contains([]string{"str", "int", "float", "bool"}, s.kind):
		return "SOPS encrypted something else than text, a number or a boolean: write it in quotes (sops edit)"
	}
	return ""
}

const notEncrypted = "is not encrypted, although all else here is: change this secret where it is used, and enter it with sops edit"

// sealed is an encrypted value (aes/cipher.go: encryptedValue).
type sealed struct {
	data, iv, tag []byte
	kind          string // the type that it had: str, int, float, bool, …
}

// sealedPattern is that of aes/cipher.go: encre.
var sealedPattern = regexp.MustCompile(`^ENC\[AES256_GCM,data:([^,]+),iv:([^,]+),tag:([^,]+),type:([a-z]+)\]$`)

func unpack(text string) (sealed, error) {
	m := sealedPattern.FindStringSubmatch(text)
	if m == nil {
		return sealed{}, errDamaged
	}
	var parts [3][]byte
	for i := range parts {
		var err error
		if parts[i], err = base64.StdEncoding.DecodeString(m[i+1]); err != nil || len(parts[i]) == 0 {
			return sealed{}, errDamaged
		}
	}
	return sealed{parts[0], parts[1], parts[2], m[4]}, nil
}
