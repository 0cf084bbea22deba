package scaffold

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
)

// Answers are what a person said. What is nil or missing is guessed.
type Answers struct {
	Routes []string          // services that people reach
	Health map[string]string // service -> path
	Shared []string          // services that exist once
	Uses   map[string]string // volume -> both or each
	Tag    string
}

// Dialog asks a person, one question a line. An empty line takes the guess.
type Dialog struct {
	in  *bufio.Reader
	out io.Writer
}

// NewDialog returns a dialog on a terminal.
func NewDialog(in io.Reader, out io.Writer) *Dialog { return &Dialog{bufio.NewReader(in), out} }

// Ask goes through what only a person can know, and returns what came of it.
func (d *Dialog) Ask(ctx context.Context, s *Source) (*Proposal, error) {
	answers := Answers{Health: map[string]string{}, Uses: map[string]string{}}
	p, err := Propose(s, answers)
	if err != nil {
		return nil, err
	}
	services := slices.Sorted(func(yield func(string) bool) {
		for name := range s.Project.Services {
			if !yield(name) {
				return
			}
		}
	})
	if len(services) > 1 {
		var routes, shared []string
		for _, r := range p.Routes {
			routes = append(routes, r.Service)
		}
		if answers.Routes, err = d.names(ctx, "Which services do people reach? tandem switches these between two versions.", routes, services, 1); err != nil {
			return nil, err
		}
		if p, err = Propose(s, answers); err != nil {
			return nil, err
		}
		for _, c := range p.Shared {
			shared = append(shared, c.Name)
		}
		if answers.Shared, err = d.names(ctx, "Which exist once, because they keep data that two of them would destroy?", shared, services, 0); err != nil {
			return nil, err
		}
		if p, err = Propose(s, answers); err != nil {
			return nil, err
		}
	}
	for _, v := range p.Volumes {
		use, err := d.word(ctx, fmt.Sprintf("%s is %s. During a deploy two versions run: do both write to it, or has each its own?", v.Key, strings.Split(v.Why, ";")[0]), v.Use, "both", "each")
		if err != nil {
			return nil, err
		}
		answers.Uses[v.Key] = use
	}
	for _, r := range p.Routes {
		if !r.Doubt {
			continue
		}
		path, err := d.text(ctx, "Which path of "+r.Service+" answers 200 when it is well? No version gets a request before it does.", r.Path, func(text string) string {
			if !validPath(text) {
				return "a path begins with /, such as /health"
			}
			return ""
		})
		if err != nil {
			return nil, err
		}
		if path != r.Path {
			answers.Health[r.Service] = path
		}
	}
	if p.Tag.Doubt {
		answers.Tag, err = d.text(ctx, "Which tag of the image is to run? A push that changes it is a deploy, so a version is better than a name that moves.", p.Tag.Name, func(text string) string {
			if !tagPattern.MatchString(text) {
				return "a tag has letters, digits and _ . - alone"
			}
			return ""
		})
		if err != nil {
			return nil, err
		}
	}
	return Propose(s, answers)
}

// YesNo asks whether to do something. The guess is no.
func (d *Dialog) YesNo(ctx context.Context, question string) (bool, error) {
	answer, err := d.word(ctx, question, "no", "yes", "no")
	return answer == "yes", err
}

func (d *Dialog) names(ctx context.Context, question string, guess, known []string, least int) ([]string, error) {
	shown := strings.Join(guess, ", ")
	if shown == "" {
		shown = "none"
	}
	text, err := d.text(ctx, question+" ("+strings.Join(known, ", ")+")", shown, func(text string) string {
		names := split(text)
		if len(names) < least {
			return "name at least one"
		}
		for _, n := range names {
			if !slices.Contains(known, n) {
				return "there is no service " + n
			}
		}
		return ""
	})
	return split(text), err
}

// split reads names with commas or blanks between them. It is never nil: nothing is an
// answer, too.
func split(text string) []string {
	names := strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' })
	if names == nil || len(names) == 1 && names[0] == "none" {
		return []string{}
	}
	return names
}

func (d *Dialog) word(ctx context.Context, question, guess string, words ...string) (string, error) {
	return d.text(ctx, question+" ("+strings.Join(words, " or ")+")", guess, func(text string) string {
		if !slices.Contains(words, text) {
			return "write " + strings.Join(words, " or ")
		}
		return ""
	})
}

// text asks until an answer is right; wrong says what is wrong with one.
func (d *Dialog) text(ctx context.Context, question, guess string, wrong func(string) string) (string, error) {
	if _, err := fmt.Fprintln(d.out, question); err != nil {
		return "", err
	}
	for {
		if _, err := fmt.Fprintf(d.out, "  [%s] ", guess); err != nil {
			return "", err
		}
		line, err := d.readLine(ctx)
		if err != nil {
			return "", err
		}
		answer := strings.TrimSpace(line)
		if answer == "" {
			answer = guess
		}
		why := wrong(answer)
		if why == "" {
			return answer, nil
		}
		if _, err := fmt.Fprintln(d.out, "  "+why); err != nil {
			return "", err
		}
	}
}

// readLine waits for a line, or until the context is done: nobody can stop a read from a
// terminal, so that one which is left alone ends with the process.
func (d *Dialog) readLine(ctx context.Context) (string, error) {
	type result struct {
		line string
		err  error
	}
	read := make(chan result, 1)
	go func() {
		line, err := d.in.ReadString('\n')
		read <- result{line, err}
	}()
	select {
	case <-ctx.Done():
		return "", ctx.Err()
	case r := <-read:
		if r.err != nil {
			return "", fmt.Errorf("the questions were not answered: %w", r.err)
		}
		return r.line, nil
	}
}
