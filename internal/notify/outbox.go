package notify

import (
	"slices"
	"time"
)

const (
	// queueLimit bounds the messages that wait for one receiver.
	queueLimit = 50
	// hungLimit bounds the attempts at one receiver that never came back: none of
	// them can be stopped.
	hungLimit = 3
)

// pauses are those between the tries of one message.
func pauses() []time.Duration {
	return []time.Duration{5 * time.Second, 30 * time.Second, 2 * time.Minute, 10 * time.Minute}
}

// letter is a message for one receiver.
type letter struct {
	Receiver string    `json:"receiver"`
	Message  Message   `json:"message"`
	Tries    int       `json:"tries"`
	After    time.Time `json:"after,omitzero"` // not to be tried before
}

// outbox is what each receiver has not had yet, oldest first. Of one receiver the
// first letter alone is under way, or tried again; so the order is kept.
type outbox struct {
	Letters []letter `json:"letters"`

	inFlight map[string]bool // by receiver: its first letter is under way
	hung     map[string]int  // by receiver: attempts that have not come back
}

// put queues a letter, and tells whether an older one had to give way.
func (o *outbox) put(l letter) (full bool) {
	o.Letters = append(o.Letters, l)
	var of []int
	for i, other := range o.Letters {
		if other.Receiver == l.Receiver {
			of = append(of, i)
		}
	}
	if len(of) <= queueLimit {
		return false
	}
	oldest := of[0]
	if o.inFlight[l.Receiver] {
		oldest = of[1]
	}
	o.Letters = slices.Delete(o.Letters, oldest, oldest+1)
	return true
}

// next returns a letter that can be sent now, which stays until done or retry.
func (o *outbox) next(now time.Time) (letter, bool) {
	for _, l := range o.heads() {
		if !l.After.After(now) {
			o.inFlight[l.Receiver] = true
			return l, true
		}
	}
	return letter{}, false
}

// done removes the letter that is under way to the receiver.
func (o *outbox) done(receiver string) {
	o.inFlight[receiver] = false
	i := o.first(receiver)
	o.Letters = slices.Delete(o.Letters, i, i+1)
}

// retry leaves the letter that is under way to the receiver for another time, and
// tells whether there is one.
func (o *outbox) retry(receiver string, now time.Time) bool {
	i := o.first(receiver)
	l, more := o.Letters[i].again(now)
	if !more {
		o.done(receiver)
		return false
	}
	o.inFlight[receiver] = false
	o.Letters[i] = l
	return true
}

// again is the letter after one more failure, and whether it is worth that.
func (l letter) again(now time.Time) (letter, bool) {
	if l.Tries >= len(pauses()) {
		return l, false
	}
	l.After = now.Add(pauses()[l.Tries])
	l.Tries++
	return l, true
}

// due are the times at which a letter can be sent.
func (o *outbox) due() []time.Time {
	var due []time.Time
	for _, l := range o.heads() {
		due = append(due, l.After)
	}
	return due
}

// heads are the first letters of the receivers that can be told something.
func (o *outbox) heads() []letter {
	var heads []letter
	seen := map[string]bool{}
	for _, l := range o.Letters {
		if !seen[l.Receiver] && !o.inFlight[l.Receiver] && o.hung[l.Receiver] < hungLimit {
			heads = append(heads, l)
		}
		seen[l.Receiver] = true
	}
	return heads
}

// first is the index of the receiver's first letter.
func (o *outbox) first(receiver string) int {
	return slices.IndexFunc(o.Letters, func(l letter) bool { return l.Receiver == receiver })
}

// keep drops what is for a receiver that is no longer known and not being told
// anything, and returns how much that is.
func (o *outbox) keep(known map[string]receiver) int {
	before := len(o.Letters)
	o.Letters = slices.DeleteFunc(o.Letters, func(l letter) bool {
		_, ok := known[l.Receiver]
		return !ok && !o.inFlight[l.Receiver]
	})
	return before - len(o.Letters)
}
