package main

import (
	"cmp"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"tandem/internal/config"
	"tandem/internal/lib/plaintext"
	"tandem/reconciler/deploy"
)

// settings is what the flags that all commands share say.
type settings struct {
	flags     *pflag.FlagSet
	path      string // of the agent's file; empty: the usual one, if it exists
	logLevel  choice
	logFormat choice
}

func newSettings() *settings {
	return &settings{
		logLevel:  choice{allowed: []string{"debug", "info", "warn", "error"}},
		logFormat: choice{value: "text", allowed: []string{"text", "json"}},
	}
}

func (s *settings) bind(flags *pflag.FlagSet) {
	s.flags = flags
	config.BindFlags(flags)
	flags.StringVar(&s.path, "config", "", "the agent's file (default "+config.DefaultPath+", if it exists)")
	flags.Var(&s.logLevel, "log-level", "what to log to stderr (default info for run, warn elsewhere)")
	flags.Var(&s.logFormat, "log-format", "how to log")
}

// load returns the agent's configuration: flag beats environment beats file.
func (s *settings) load() (config.Config, error) {
	cfg, err := config.Load(s.path, os.LookupEnv, s.flags)
	if err != nil {
		return config.Config{}, &configError{err}
	}
	return cfg, nil
}

// loadLocal is load for a command that may do without the repository: one on
// another machine, or by a user who may not read the agent's credentials. What
// is wrong with the keys of the repository, the notifications and the secrets does
// not stop it.
func (s *settings) loadLocal() (config.Config, error) {
	cfg, err := config.Load(s.path, os.LookupEnv, s.flags)
	faults, ok := deploy.AsFaults(err)
	if err != nil && !ok {
		return config.Config{}, &configError{err}
	}
	faults = slices.DeleteFunc(slices.Clone(faults), func(f deploy.Fault) bool {
		return strings.HasPrefix(f.Path, "repo.") || strings.HasPrefix(f.Path, "notify.") || strings.HasPrefix(f.Path, "secrets.")
	})
	if err := faults.Err(); err != nil {
		return config.Config{}, &configError{err}
	}
	return cfg, nil
}

// knowsHost tells whether the agent's file of the host that deploys is here.
func (s *settings) knowsHost() bool {
	_, err := os.Stat(cmp.Or(s.path, config.DefaultPath))
	return err == nil
}

// logger returns a logger to w; otherwise is the level unless --log-level names one.
func (s *settings) logger(w io.Writer, otherwise slog.Level) (*slog.Logger, error) {
	level := otherwise
	if s.logLevel.value != "" {
		if err := level.UnmarshalText([]byte(s.logLevel.value)); err != nil {
			return nil, fmt.Errorf("read --log-level: %w", err)
		}
	}
	options := &slog.HandlerOptions{Level: level}
	if s.logFormat.value == "json" {
		return slog.New(slog.NewJSONHandler(jsonLines{w}, options)), nil
	}
	return slog.New(slog.NewTextHandler(w, options)), nil
}

// jsonLines escapes what a terminal must not get; the text format does that by itself.
type jsonLines struct{ w io.Writer }

// Write implements io.Writer. It is called with whole lines.
func (j jsonLines) Write(line []byte) (int, error) {
	if _, err := j.w.Write(plaintext.JSON(line)); err != nil {
		return 0, err
	}
	return len(line), nil
}
