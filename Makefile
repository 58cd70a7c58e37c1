# Every target does its own set-up: on a machine with Node 20, npm, git, gcc, g++ and make, `make test` and `make demo`
# are one command each.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-builtin-rules --no-print-directory
# The project needs Node 24 and brings it from npm: whatever `node` the machine has only runs npm.
export PATH := $(CURDIR)/node_modules/.bin:$(PATH)

INSTALLED := node_modules/.package-lock.json
BUILT := build/.built
PROGRAM_SOURCES := package.json $(shell find src native bin scripts/build.ts -type f ! -name '*.test.ts' 2>/dev/null)

.PHONY: help
help: ## Show this list
	@printf 'Usage: make TARGET\n\n'
	@sed -nE 's/^([a-z-]+):.*## (.*)/  \1|\2/p' $(MAKEFILE_LIST) | while IFS='|' read -r name text; do \
	  printf '%-22s %s\n' "$$name" "$$text"; done

.PHONY: build
build: $(BUILT) ## Build the programs: bin/hgbuild then runs from any directory

.PHONY: demo
demo: $(BUILT) ## Build RE2 and abseil plain, cold and warm, and compare every object
	@node demo/run.ts

.PHONY: test
test: $(BUILT) ## Types, lint, layers, unit and end-to-end tests
	@node scripts/run-tests.ts

.PHONY: check
check: $(INSTALLED) ## Types and lint only
	@tsc -p .
	@biome check

.PHONY: format
format: $(INSTALLED) ## Let the formatter rewrite the sources
	@biome check --write

.PHONY: dev
dev: $(BUILT) ## Rebuild on every change, with an agent and a cache of its own
	@node scripts/dev.ts

.PHONY: bench
bench: $(BUILT) ## Every row beside every peer, installing them as root; bench/results/latest.json and the README's table
	@node bench/run.ts

.PHONY: bench-readme
bench-readme: $(INSTALLED) ## Write the newest results of `make bench` into the README again
	@node bench/readme.ts

.PHONY: bench-lan
bench-lan: $(BUILT) ## Three hosts on a slow LAN, beside distcc, pump and icecream: time and bytes (as root)
	@node bench/lan.ts

.PHONY: bench-two-hosts
bench-two-hosts: $(BUILT) ## Two hosts with a processor each, beside distcc, pump and icecream (as root)
	@node bench/two-hosts.ts

.PHONY: simulate
simulate: $(INSTALLED) ## The scheduler with 10 to 10,000 simulated workers, beside other rules (HG_SIMULATE_SEED)
	@node bench/simulate.ts --seed $${HG_SIMULATE_SEED:-1}

# One seed for the whole command: a run that fails can be repeated with what it printed.
SEED := $(or $(HG_FUZZ_SEED),$(shell echo $$((RANDOM * 32768 + RANDOM))))

.PHONY: fuzz
fuzz: $(BUILT) ## Long run of random edits, each compared with the plain compiler (HG_FUZZ_STEPS, HG_FUZZ_SEED)
	@HG_FUZZ_SEED=$(SEED) HG_FUZZ_STEPS=$${HG_FUZZ_STEPS:-3000} vitest run test/edit-fuzz.test.ts

.PHONY: fuzz-command-lines
fuzz-command-lines: $(BUILT) ## Long run of random command lines against what gcc and clang really read and write
	@HG_FUZZ_SEED=$(SEED) HG_FUZZ=long vitest run test/command-line-fuzz.test.ts

.PHONY: chaos
chaos: $(BUILT) ## 100 random kill -9 and SIGSTOP of the agent during redis builds (HG_CHAOS_SEED, HG_CHAOS_EVENTS)
	@HG_CHAOS=long vitest run test/chaos.test.ts

.PHONY: chaos-grid
chaos-grid: $(BUILT) ## 100 random kills and stops of any part of a grid during redis builds, then one fault after the other
	@HG_GRID=long vitest run test/grid-chaos.test.ts
	@HG_GRID=long vitest run test/grid-faults.test.ts

.PHONY: verify-grid-limits
verify-grid-limits: $(BUILT) ## What grids break on, in full size: 1,000 files at -j64, 20,000 headers, an object of 100 MiB
	@HG_GRID=long vitest run test/grid-limits.test.ts

.PHONY: verify-real
verify-real: $(BUILT) ## Full matrix: redis, Lua and RE2, gcc and clang, -g and not, cold and warm, compared with plain
	@HG_E2E=all vitest run test/e2e-lua.test.ts test/e2e-redis.test.ts test/e2e-re2.test.ts

.PHONY: verify-grid
verify-grid: $(BUILT) ## The same sources through a grid: all remote, shared with another user, here and there
	@HG_E2E=all vitest run test/e2e-grid.test.ts

.PHONY: sources
sources: $(INSTALLED) ## Fetch the real sources that the end-to-end tests build (redis, Lua, RE2)
	@node scripts/fetch-sources.ts

# Not installed with the rest: its npm package lists binaries of systems that not every mirror has.
BUF := npm exec --yes --package=@bufbuild/buf@1.75.0 -- buf

.PHONY: proto
proto: $(INSTALLED) ## Check the wire contract, also against the last commit, and generate its TypeScript again
	@cd proto && $(BUF) lint && $(BUF) breaking --against '../.git#branch=main,subdir=proto' && $(BUF) generate

.PHONY: clean
clean: ## Remove what was built
	@rm -rf build dist coverage

$(INSTALLED): package-lock.json
	@npm ci --loglevel=error
	@touch $@
	@node_modules/.bin/node --version >/dev/null 2>&1 || { \
	  echo 'make: npm did not install Node 24 for this machine (it is an optional dependency): run "npm ci --include=optional"' >&2; \
	  rm -f $@; exit 1; }

# The build script makes dist/ and the native launcher.
$(BUILT): $(INSTALLED) $(PROGRAM_SOURCES)
	@mkdir -p build
	@if [ -f scripts/build.ts ]; then node scripts/build.ts; \
	else cc -O2 -Wall -Wextra -static -o build/hg-launcher native/launcher.c; fi
	@touch $@
