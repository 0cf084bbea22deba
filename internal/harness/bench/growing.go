package main

import (
	"errors"
	"strconv"
	"strings"
)

// growing are numbers, each larger than the one before: "1,50,500".
type growing []int

// String implements flag.Value.
func (g *growing) String() string {
	var words []string
	for _, n := range *g {
		words = append(words, strconv.Itoa(n))
	}
	return strings.Join(words, ",")
}

// Set implements flag.Value.
func (g *growing) Set(text string) error {
	*g = nil
	for word := range strings.SplitSeq(text, ",") {
		n, err := strconv.Atoi(word)
		if err != nil || n < 1 || len(*g) > 0 && n <= (*g)[len(*g)-1] {
			return errors.New("want numbers such as 1,50,500, growing")
		}
		*g = append(*g, n)
	}
	return nil
}
