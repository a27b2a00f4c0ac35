# Two commands matter: `make demo` and `make test`. `make help` lists the rest.
GO      ?= go
DATA    ?= ./refract-data
# Real events for the demo, as GitHub's events API gives them; the demo goes without where there are none.
GITHUB_EVENTS ?= $(wildcard ../shared/data/github_events.ndjson)
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
BIN     := bin/refract

.DEFAULT_GOAL := help
.PHONY: help build demo test deps check race unit e2e soak fuzz bench docs clean

help: ## list the targets
	@grep -hE '^[a-z0-9]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /|/' | while IFS='|' read -r name text; do printf '  make %-8s %s\n' "$$name" "$$text"; done

build: ## build bin/refract
	$(GO) build -trimpath -ldflags "-X main.version=$(VERSION)" -o $(BIN) ./cmd/refract

demo: build ## the whole way from events to SQL on this machine; leaves the service up
	$(BIN) demo --data-dir $(DATA) --github-events "$(GITHUB_EVENTS)"

test: deps check unit e2e ## everything that must pass: checks, package tests, end-to-end tests
	@echo "all tests passed"

deps: ## install what the tests need: psql, awscli, Chromium, Node.js, npm packages, versitygw
	./scripts/deps

check: ## formatting, vet, staticcheck, generated documents
	@test -z "$$(gofmt -s -l cmd internal e2e)" || { gofmt -s -l cmd internal e2e; echo "run gofmt -s -w"; exit 1; }
	$(GO) vet ./...
	$(GO) tool staticcheck ./...

unit: ## package tests
	$(GO) test -timeout 30m ./cmd/... ./internal/...

race: ## package tests under the race detector
	$(GO) test -race -timeout 60m ./internal/...

e2e: build ## the real binary with real clients, killed and starved
	$(GO) test -count=1 -timeout 30m ./e2e/... -refract $(CURDIR)/$(BIN)

soak: build ## the kill test for an hour
	$(GO) test -count=1 -timeout 2h ./e2e/... -refract $(CURDIR)/$(BIN) -run TestKill -soak 1h

fuzz: ## every fuzz target for a minute
	./scripts/fuzz 60s

bench: build ## measure and write docs/benchmarks.md
	$(BIN) bench --write docs/benchmarks.md

docs: ## write the references of configuration, pipelines and reserved words
	$(GO) test ./cmd/refract ./internal/export/pipeline/pipelineapi ./internal/export/schema -run Reference -update

clean: ## remove what was built
	rm -rf bin
