# Everything a fresh machine needs is in these targets; .ci/install adds the system packages that are missing.
#
#   make run [ARGS=--exit]   build, then play the main job on private servers and serve the pages
#   make test                format, vet and every test under the race detector
#   make soak                the long tests: the same, for minutes instead of seconds
#   make build               bin/exchequer

BIN ?= bin
ARGS ?=
SHELL := /bin/bash
COMPILE = mkdir -p $(BIN) && go build -o $(BIN)/exchequer ./cmd/exchequer

.PHONY: run test soak build

# The binary replaces the shell, so that a signal reaches the program itself and it can stop its servers in order.
run:
	@bash .ci/install run
	@$(COMPILE)
	@exec $(BIN)/exchequer run $(ARGS)

build:
	@bash .ci/install build
	@$(COMPILE)

test:
	@bash .ci/install test
	@bash .ci/test ./...

soak:
	@bash .ci/install test
	@EXCHEQUER_SOAK=1 bash .ci/test -run '^TestSoak' -count=1 -timeout 60m ./...
