# `make` alone prints what there is. The two that matter: `make demo` shows the
# whole story, `make test` runs every check. Both prepare the machine first.

SHELL       := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
# Debian keeps nginx, sshd and dockerd where a user's PATH does not look.
export PATH := $(PATH):/usr/local/sbin:/usr/sbin:/sbin

GO       ?= go
PREFIX   ?= /usr/local
KEEP     ?=
FUZZTIME ?= 30s
# Packages compiled at once. Three are tested at once: see .ci/turn.
PARALLEL ?= 4
# Tests of one package at once: most of the time they wait for containers.
CONCURRENT ?= 3
# The longest that a package may take, the wait included.
TIMEOUT  ?= 45m
# What is left to chance, or only shows after long, is done a few times with -short.
REPEAT   ?= -short

BINARY := bin/tandem
# How everything is compiled that is checked. Nobody debugs it, and without DWARF the
# compiler has a tenth less to do; without paths, another checkout need not compile again.
CHECKED := -race -trimpath -gcflags=all=-dwarf=false
# Prints where the tool is that follows, after it was built.
TOOL   := CGO_ENABLED=0 GOFLAGS=-trimpath $(GO) tool -n

# Said by hand, because Go's own stamp is empty where -buildvcs=false is set.
VERSION  = $(shell git describe --tags --always 2>/dev/null || echo unknown)
COMMIT   = $(shell git rev-parse HEAD 2>/dev/null || echo unknown)
# Of the commit, so that the same commit gives the same binary.
DATE     = $(shell git log -1 --format=%cI 2>/dev/null)
MODIFIED = $(shell test -z "$$(git status --porcelain 2>/dev/null)" && echo false || echo true)
LDFLAGS  = -s -w -X main.version=$(VERSION) -X main.commit=$(COMMIT) -X main.date=$(DATE) -X main.modified=$(MODIFIED)

.DEFAULT_GOAL := help

.PHONY: help
help: ## Print this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

.PHONY: setup
setup: ## Install what is missing from Debian and start Docker (root)
	@.ci/setup

.PHONY: build
build: ## Build bin/tandem, one static binary
	@CGO_ENABLED=0 $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o $(BINARY) ./cmd/tandem
	@echo "built $(BINARY) $(VERSION)"

.PHONY: demo
demo: setup build ## Show the whole story on this machine; KEEP=1 leaves it running
	@CGO_ENABLED=0 $(GO) build -trimpath -o $(dir $(BINARY))tandem-demo ./cmd/tandem-demo
	@$(dir $(BINARY))tandem-demo $(if $(filter-out 0,$(KEEP)),-keep)

# -count=1: most of these tests look at Docker, Nginx and Git, of which Go's
# cache of results knows nothing. -vet=off: lint has vetted. The program is built
# first, because the tests that start it would all wait for it, each in its place. What
# takes longest begins first, so that no core is idle at the end.
.PHONY: test
test: setup build lint ## Run every check: lint, then all tests with the race detector
	@log=$$(mktemp); trap 'rm -f "$$log" "$$log".*' EXIT; status=0; \
	$(GO) test $(CHECKED) $(REPEAT) -vet=off -count=1 -p $(PARALLEL) -parallel $(CONCURRENT) -timeout $(TIMEOUT) -exec "$(CURDIR)/.ci/turn $$log" \
		./internal/harness/e2e ./source ./compose ./nginx ./reconciler ./internal/harness/demo ./internal/harness/soak ./... 2>&1 | tee "$$log" || status=$$?; \
	printf '\n%d packages ok, %d failed; %d tests failed\n' \
		"$$(grep -c '^ok ' "$$log")" "$$(grep -c '^FAIL	' "$$log")" "$$(grep -c '^--- FAIL' "$$log")"; \
	exit $$status

.PHONY: test-long
test-long: ## Run the tests with as many kills and deploys as the promises name: hours
	@$(MAKE) test REPEAT= TIMEOUT=3h

# Compiled as the tests are, and the tools as the program is: all packages once more
# in another way would take minutes.
.PHONY: lint
lint: ## Check format, vet, staticcheck, errcheck and the shell scripts
	@unformatted=$$(gofmt -l .); \
	if [ -n "$$unformatted" ]; then \
		printf 'not formatted, run gofmt -w on:\n%s\n' "$$unformatted" >&2; exit 1; \
	fi
	@$(GO) vet $(CHECKED) ./...
	@GOFLAGS='$(CHECKED)' $$($(TOOL) staticcheck) ./...
	@GOFLAGS='$(CHECKED)' $$($(TOOL) errcheck) ./...
	@if command -v shellcheck >/dev/null; then shellcheck .ci/*; \
	else echo 'lint: no shellcheck here, so the scripts were not checked; make setup installs it' >&2; fi
	@echo 'lint: ok'

# BENCH='-only=switches -switches=1000' and the like; -h lists what there is.
BENCH    ?=
.PHONY: bench
bench: ## Measure tandem beside what people use instead, into docs/performance.md: an hour or two
	@.ci/setup bench
	@$(GO) run ./internal/harness/bench -write=docs/performance.md $(BENCH)

# SEED= takes one of chance, and says which. STEPS= takes those steps of it alone: a
# story that a failure printed.
SEED     ?= 0
DURATION ?= 10m
STEPS    ?=
.PHONY: soak
soak: setup ## Random walk of deploys, kills and trouble under load: SEED=…, DURATION=10m, STEPS=…
	@$(GO) run ./internal/harness/soak -seed $(SEED) -duration $(DURATION) $(if $(STEPS),-steps $(STEPS))

.PHONY: fuzz
fuzz: ## Run every fuzz target for FUZZTIME each
	@{ grep -rEo --include='*_test.go' '^func Fuzz[A-Za-z0-9_]+' . || true; } | sed 's|:func | |' | \
	while read -r file target; do \
		echo "$$target in $$(dirname "$$file")"; \
		$(GO) test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) "$$(dirname "$$file")" </dev/null; \
	done

.PHONY: licenses
licenses: ## Write docs/licenses.md anew, after a dependency changed
	@$(GO) run ./internal/harness/licenses docs/licenses.md
	@echo 'wrote docs/licenses.md'

# The tool is not in go.mod: it should be the newest each time, and so should the
# database, which it asks for over the network.
.PHONY: vulncheck
vulncheck: ## Look for known vulnerabilities (needs the network)
	@.ci/vulncheck

.PHONY: reproduce
reproduce: ## Build the commit twice, elsewhere and from nothing, and compare the bytes
	@.ci/reproduce

.PHONY: install
install: build ## Install the binary, its systemd unit and a file for logrotate under PREFIX
	@install -D -m 0755 $(BINARY) '$(DESTDIR)$(PREFIX)/bin/tandem'
	@echo 'installed $(DESTDIR)$(PREFIX)/bin/tandem'
	@sed 's|/usr/local/bin/tandem|$(PREFIX)/bin/tandem|' docs/tandem.service | \
		install -D -m 0644 /dev/stdin '$(DESTDIR)$(PREFIX)/lib/systemd/system/tandem.service'
	@echo 'installed $(DESTDIR)$(PREFIX)/lib/systemd/system/tandem.service'
	@install -D -m 0644 docs/tandem.logrotate '$(DESTDIR)$(PREFIX)/share/tandem/tandem.logrotate'
	@echo 'installed $(DESTDIR)$(PREFIX)/share/tandem/tandem.logrotate'

.PHONY: uninstall
uninstall: ## Remove what install put there, and nothing else
	@rm -f '$(DESTDIR)$(PREFIX)/bin/tandem' '$(DESTDIR)$(PREFIX)/lib/systemd/system/tandem.service' \
		'$(DESTDIR)$(PREFIX)/share/tandem/tandem.logrotate'

.PHONY: clean
clean: ## Remove what was built here
	@rm -rf bin .cache
