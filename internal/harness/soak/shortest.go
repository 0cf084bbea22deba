package main

import "slices"

// shortest looks for a shorter story that fails too, and returns it with its failure,
// or no failure when there is none. It tries the ends of the story, each twice as long
// as the one before, because what broke last is seldom far from what broke it; and then
// leaves out of that end one piece after the other, halves first and single steps last
// (Zeller and Hildebrandt, "Simplifying and Isolating Failure-Inducing Input", 2002).
// What depends on milliseconds may not fail again.
func shortest(story []int, take func([]int) error) (short []int, failure error) {
	for n := 1; n < len(story) && failure == nil; n *= 2 {
		short = story[len(story)-n:]
		failure = take(short)
	}
	if failure == nil {
		return nil, nil
	}
	for piece := len(short) / 2; piece > 0; piece /= 2 {
		for at := 0; at+piece <= len(short); {
			rest := slices.Concat(short[:at], short[at+piece:])
			if len(rest) == 0 {
				break
			}
			if err := take(rest); err != nil {
				short, failure = rest, err
			} else {
				at += piece
			}
		}
	}
	return short, failure
}
