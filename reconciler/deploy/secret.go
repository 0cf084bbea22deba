package deploy

// Secret is one variable of an encrypted file of an app.
type Secret struct {
	Name       string
	File       string // the path in the repository
	Line       int    // 1-based
	Ciphertext string // as it stands in File: another one when the value changes and, when Encrypted, telling nothing of it
	Encrypted  bool   // false: File holds the value for everybody to read
	Value      Hidden // what the containers get; empty where there was no key to open File with
}

// Hidden is text that does not print: whatever formats it by accident shows that
// there is something, and no more. string(h) is the text itself.
type Hidden string

// hiddenText stands where a Hidden was formatted.
const hiddenText = "(hidden)"

// String implements fmt.Stringer.
func (Hidden) String() string { return hiddenText }

// GoString implements fmt.GoStringer.
func (Hidden) GoString() string { return hiddenText }

// MarshalText implements encoding.TextMarshaler.
func (Hidden) MarshalText() ([]byte, error) { return []byte(hiddenText), nil }
