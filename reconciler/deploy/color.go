package deploy

import "fmt"

// Color names one of the two stacks of an app. The zero value NoColor means
// that there is none.
type Color string

// The two colors, and the absence of one.
const (
	NoColor Color = ""
	Blue    Color = "blue"
	Green   Color = "green"
)

// Colors lists both colors in the order in which everything prints them.
func Colors() [2]Color { return [2]Color{Blue, Green} }

// Other returns the opposite color, and NoColor for NoColor.
func (c Color) Other() Color {
	switch c {
	case Blue:
		return Green
	case Green:
		return Blue
	default:
		return NoColor
	}
}

// Valid tells whether c is blue or green.
func (c Color) Valid() bool { return c == Blue || c == Green }

// Auto is the value of App.Color that leaves the choice to the planner: the
// release goes to whichever color is not live.
const Auto Color = "auto"

// ParseColor reads "blue" or "green"; anything else is an error that names what
// it got.
func ParseColor(s string) (Color, error) {
	if c := Color(s); c.Valid() {
		return c, nil
	}
	return NoColor, fmt.Errorf("color: want blue or green, got %q", s)
}
