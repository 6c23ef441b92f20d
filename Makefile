# Everything a person or a CI types. `make` alone lists the targets.
# Parallelism is bounded by processors and by memory (about 2 GiB for each compiler at work); set JOBS to choose.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

PREFIX ?= /usr/local
FACTOR ?= 10
DESTDIR ?=
# The peers' programs are not part of this tree: see docs/benchmarks.md.
PEERS ?= $(wildcard ../shared/peers)
SECONDS ?= 600
JOBS ?= $(shell n=$$(nproc); m=$$(awk '/^MemAvailable/ { print int($$2 / 2097152) }' /proc/meminfo); \
	[ "$$m" -lt "$$n" ] && n=$$m; [ "$$n" -lt 1 ] && n=1; echo $$n)

SWIFT_RELEASE := swift build -c release --static-swift-stdlib -j $(JOBS)

.PHONY: help setup setup-tests build release guests programs test demo bench bench-processes soak fuzz mutants model lint check docs install uninstall clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## install what the build needs (packages, libwasmtime); once, then offline
	@scripts/setup.sh

setup-tests: ## the same, and what only tests and models need (spin, gcc, erlang-base)
	@scripts/setup.sh --tests

build: setup ## debug build
	swift build -j $(JOBS)

release: setup ## release build, Swift's library linked in
	$(SWIFT_RELEASE)

guests: setup ## build the test guests into .build/guests
	@scripts/build-guests.sh

programs: ## fetch the third-party programs that the tests run, by hash; once, then offline
	@Tests/programs/fetch.sh

test: setup-tests guests programs ## set up, build, run every test
	@JOBS=$(JOBS) scripts/test.sh

demo: setup guests ## release build, then an untrusted plugin and some processes under their policies
	@mkdir -p .build
	@echo 'demo: $(SWIFT_RELEASE)  (the first time takes minutes; log in .build/demo-build.log)'
	@$(SWIFT_RELEASE) >.build/demo-build.log 2>&1 || { tail -n 60 .build/demo-build.log >&2; exit 1; }
	@tail -n 1 .build/demo-build.log
	@Examples/untrusted-plugin/demo.sh
	@Examples/processes-demo.sh

bench: release guests ## benchmarks, as ratios against peers in the same run; BENCH=--json for programs
	@Benchmarks/fetch-peer.sh
	@$(MAKE) -s install PREFIX=$(CURDIR)/.build/bench/prefix DESTDIR= >/dev/null
	swift run -c release -j $(JOBS) --package-path Benchmarks benchmarks $(CURDIR) $(BENCH)

bench-processes: release guests ## processes against Erlang and Go (PEERS=directory of their programs); BENCH='--quick ring'
	@$(MAKE) -s install PREFIX=$(CURDIR)/.build/bench/prefix DESTDIR= >/dev/null
	@for product in load process-benchmarks; do \
		swift build -c release -j $(JOBS) --package-path Benchmarks --product $$product; done
	Benchmarks/.build/release/process-benchmarks $(CURDIR) --peers '$(PEERS)' $(BENCH)

soak: release guests ## everything that processes can do, at random, for SECONDS=600
	swift build --build-tests -j $(JOBS)
	BULKHEAD_SOAK_SECONDS=$(SECONDS) swift test --skip-build --disable-xctest --filter EndToEndTests.SoakTests

fuzz: setup guests ## the fuzz tests at length (FACTOR=10), then whether they find planted bugs
	swift build --build-tests -j $(JOBS)
	BULKHEAD_FUZZ_FACTOR=$(FACTOR) swift test --skip-build --disable-xctest \
		--filter 'FuzzTests|randomAndMutated|HostileCellTests' | grep -E 'fuzz|random bytes|recorded|Test run'
	JOBS=$(JOBS) scripts/check-fuzzers.sh

tsan: setup-tests ## the process runtime's tests under ThreadSanitizer
	@JOBS=$(JOBS) scripts/tsan.sh

model: setup-tests ## models of the runtime's protocols, every state of them, and the faults planted in them
	@scripts/model.sh

lint: ## formatting of Swift, syntax of shell and Python
	@scripts/lint.sh

check: ## the arrows that must not exist, and where unsafe code may stand
	@scripts/check-arrows.py --self-test
	@scripts/check-arrows.py

docs: setup ## reference of all modules (DocC) into .build/docs
	@scripts/docs.sh

install: ## install beneath $(DESTDIR)$(PREFIX); builds release if there is none; STRIP=1 strips
	@DESTDIR='$(DESTDIR)' PREFIX='$(PREFIX)' JOBS='$(JOBS)' STRIP='$(STRIP)' scripts/install.sh install

uninstall: ## remove what install put beneath $(DESTDIR)$(PREFIX)
	@DESTDIR='$(DESTDIR)' PREFIX='$(PREFIX)' scripts/install.sh uninstall

clean: ## remove build products; .deps stays, so the next build needs no network
	rm -rf .build Benchmarks/.build
