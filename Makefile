# What a person with a clone can say; `make help` lists it.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

# Pinned, so that a new check does not turn an old commit red.
STATICCHECK := v0.8.2
# How long each fuzz target runs: 30s, or 1000x for a number of inputs.
T := 30s

# No compiler but Go's is needed, and tests share what the build compiled.
export CGO_ENABLED := 0
# Lists what is not formatted, or does not parse, and fails if there is any.
GOFMT := ! gofmt -l blocklists cmd corefile plugin test 2>&1 | grep .
# sudo and cron leave these out.
export PATH := $(PATH):/usr/local/go/bin:/usr/local/sbin:/usr/sbin

.PHONY: help run test build bench lint fuzz mirror
.PHONY: go staticcheck

help: ## say what there is
	@sed -n 's/^\([a-z]*\):[^#]*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 16

run: go ## serve on 127.0.0.1:1053 and [::1]:1053, with blocklists/ as the drop folder
	@.ci/need serve
	@.ci/build ./cmd/sinkhole bin/sinkhole
	@exec setpriv --pdeathsig TERM .ci/serve # whatever ends make ends it

test: go staticcheck ## install what the tests need and run all that CI runs
	@.ci/need test
	@.ci/build ./test/count .tools/count
	@.tools/count \
		gofmt       '$(GOFMT)' \
		vet         'go vet ./...' \
		staticcheck '.tools/staticcheck ./...' \
		tests       'go test -json ./...' \
		race        'CGO_ENABLED=1 go test -json -race ./plugin/...' \
		fuzz        '.ci/fuzz 500x -json'

build: go ## build bin/sinkhole
	@.ci/build ./cmd/sinkhole bin/sinkhole

bench: build ## measure, beside Unbound, and write BENCHMARKS.md
	@.ci/need bench
	@.ci/build ./test/bench .tools/bench
	@.tools/bench -out BENCHMARKS.md

lint: go staticcheck ## gofmt, vet and staticcheck
	@$(GOFMT)
	@go vet ./...
	@.tools/staticcheck ./...

fuzz: go ## every fuzz target for a while: make fuzz T=30s
	@.ci/fuzz $(T)

mirror: go ## lengths of files and functions, to look at
	@go run ./test/mirror

go:
	@.ci/need go

staticcheck: go
	@.tools/staticcheck -version 2>/dev/null | grep -q '($(STATICCHECK:v%=%))' || \
		.ci/build honnef.co/go/tools/cmd/staticcheck@$(STATICCHECK) .tools/staticcheck
