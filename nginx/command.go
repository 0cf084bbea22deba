package nginx

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"time"

	"tandem/reconciler/deploy"
)

// output is what one run of Nginx's program wrote.
type output struct {
	stdout, stderr string
	code           int
}

// words returns what Nginx said, as a person would quote it: without the time
// and the process id, so that the same fault reads the same each time and is
// published once.
func (o output) words() string {
	text := o.stderr
	if strings.TrimSpace(text) == "" {
		text = o.stdout // where Docker says that the container has no such program
	}
	text = prefix.ReplaceAllString(text, "$1 ")
	var lines []string
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line != "" && !strings.HasPrefix(line, "[notice]") && !slices.Contains(lines, line) {
			lines = append(lines, line)
		}
	}
	if len(lines) == 0 {
		return fmt.Sprintf("nginx ended with exit code %d and said nothing", o.code)
	}
	return strings.Join(lines, "\n")
}

// prefix begins the lines that Nginx writes once it has an error log.
var prefix = regexp.MustCompile(`(?m)^\d{4}/\d\d/\d\d \d\d:\d\d:\d\d (\[\w+\]) \d+#\d+: (?:\*\d+ )?`)

// run runs Nginx's program where Nginx runs. An exit code other than 0 is no error.
func (p *Proxy) run(ctx context.Context, args ...string) (output, error) {
	argv := append(append([]string{}, p.command...), args...)
	if p.container != nil {
		return p.exec(ctx, argv)
	}
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	// A script's own programs outlive it when it is killed, and keep its outputs open.
	cmd.WaitDelay = time.Second
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	if ctx.Err() != nil {
		err = ctx.Err() // and not that it was killed
	}
	if cmd.ProcessState == nil || ctx.Err() != nil {
		return output{}, fmt.Errorf("run %s: %w", strings.Join(argv, " "), err)
	}
	return output{stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()}, nil
}

// askVersion runs `nginx -V` once in the life of the process. In a container
// that does not run nobody can be asked, and what works with every version must do.
func (p *Proxy) askVersion(ctx context.Context, v environment) (version, error) {
	if p.nginx != (version{}) || v.stopped != "" {
		return p.nginx, nil
	}
	out, err := p.run(ctx, "-V")
	if err != nil {
		return version{}, cannotRun(err)
	}
	if p.nginx, err = parseVersion(out.stderr + out.stdout); err != nil {
		return version{}, cannotRun(err)
	}
	return p.nginx, nil
}

func cannotRun(err error) error {
	if errors.Is(err, context.Canceled) {
		return err
	}
	return &deploy.RouterError{Reason: deploy.NginxAway, Detail: err.Error(), Err: err}
}

// test runs `nginx -T`, which tests as -t does and also returns the whole
// configuration that a reload would load.
func (p *Proxy) test(ctx context.Context) (configuration string, err error) {
	out, err := p.run(ctx, "-T")
	if err != nil {
		return "", cannotRun(err)
	}
	if out.code != 0 {
		return "", &deploy.RouterError{Reason: deploy.NginxBroken, Detail: withAdvice(out.words())}
	}
	return out.stdout, nil
}

// twicePattern is how Nginx says that a server block has a directive of an app's file a second
// time. It names the one that it read last.
var twicePattern = regexp.MustCompile(`directive is duplicate in (\S*)/[a-z0-9-]+\` + serverFile + `:\d+`)

func withAdvice(words string) string {
	m := twicePattern.FindStringSubmatch(words)
	if m == nil {
		return words
	}
	return words + fmt.Sprintf("\na server block that serves several apps has the one line %q in the place of the lines of the apps; a directive of your own moves into the locations that need it", severalLine(m[1]))
}

// testResult is what a test said.
type testResult struct {
	began         time.Time
	configuration string
	err           error
}

// testResultLife is for how long one is kept: longer than all apps of an agent wait for
// their turn when it starts.
const testResultLife = time.Minute

// testSince is test, or what the last one said if that began since the moment. When an
// agent starts, all of its apps ask at once; with hundreds of them one test takes a
// second, and each would wait for all.
func (p *Proxy) testSince(ctx context.Context, moment time.Time) (configuration string, err error) {
	if p.last.began.After(moment) {
		return p.last.configuration, p.last.err
	}
	began := time.Now()
	configuration, err = p.test(ctx)
	if ctx.Err() == nil {
		p.last = testResult{began, configuration, err}
	}
	return configuration, err
}

// forgetTestResult gives the memory back.
func (p *Proxy) forgetTestResult() {
	if time.Since(p.last.began) > testResultLife {
		p.last = testResult{}
	}
}

// reload tells the running Nginx to load its configuration. It does so later,
// and can still fail: see await.
func (p *Proxy) reload(ctx context.Context) error {
	out, err := p.run(ctx, "-s", "reload")
	if err != nil {
		return cannotRun(err)
	}
	switch {
	case out.code == 0:
		return nil
	case strings.Contains(out.words(), "[emerg]"): // somebody broke it since the test
		return &deploy.RouterError{Reason: deploy.NginxBroken, Detail: out.words()}
	default:
		return &deploy.RouterError{Reason: deploy.NginxAway, Detail: "Nginx is not running: " + out.words()}
	}
}
