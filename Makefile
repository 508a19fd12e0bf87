# make demo and make test are the way to begin; README.md says more.

SHELL := /bin/sh
.DEFAULT_GOAL := build
.PHONY: demo test build bench crs soak corpus fuzz lint programs gofmt vet staticcheck layers tsc clean

GO ?= go
STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2

# The revision is stamped into the program where git can tell it.
export GOFLAGS := -trimpath -buildvcs=$(shell git status --porcelain >/dev/null 2>&1 && echo true || echo false)

web := web/dist/index.html
modules := web/node_modules/.package-lock.json

demo: build ## build, start the five stories, print the console's address; CHECK=1 plays them by itself
	CHECK=$(CHECK) scripts/demo.sh

test: programs bin/h2spec $(web) ## install what the tests need, run every test
	$(GO) run ./scripts/runtests

build: $(web) ## bin/fanlight, with the console
	$(GO) build -o bin/fanlight ./cmd/fanlight

bench: ## side by side with other servers
	scripts/install.sh curl haproxy ip nginx openssl slowhttptest taskset tcpdump tshark unshare wrk
	[ -e /usr/lib/nginx/modules/ngx_http_modsecurity_module.so ] || scripts/install.sh nginx-modsecurity
	$(GO) run ./bench

crs: ## the regression tests of the Core Rule Set through the running door; ONLY=PATTERN for some
	cd tests/crs && CRS_ONLY=$(ONLY) $(GO) test -v -count=1 -timeout 20m .

soak: ## ten minutes of failing origins and clients, FOR=10m; ends with an error where anything is left behind
	scripts/install.sh taskset
	$(GO) run ./bench soak -for $(or $(FOR),10m)

corpus: ## make the labelled captures anew, with real software; root, some minutes; ONLY=PATTERN for some
	testdata/captures/make/corpus.sh $(ONLY)

fuzz: ## every decoder and parser with made-up input, TIME=10m each
	scripts/fuzz.sh $(or $(TIME),10m)

lint: gofmt vet staticcheck layers tsc

gofmt:
	@test -z "$$(gofmt -l bench cmd internal scripts tests web/*.go | tee /dev/stderr)"

vet:
	$(GO) vet ./...
	GOOS=darwin $(GO) vet ./...
	GOOS=windows $(GO) vet ./...
	cd tests/crs && $(GO) vet .

staticcheck:
	$(GO) run $(STATICCHECK) ./...
	cd tests/crs && $(GO) run $(STATICCHECK) .

layers:
	$(GO) test ./internal

tsc: $(modules)
	cd web && npm run --silent check

# What the tests start or are built with.
programs:
	scripts/install.sh apache2 certutil chromium curl gcc gnutls-serv h2load haproxy ip nghttp nginx openssl slowhttptest systemd-socket-activate taskset tcpdump tshark unshare update-ca-certificates

# The conformance tests of HTTP/2, with everything at the versions of its go.sum.
bin/h2spec: scripts/h2spec/go.mod scripts/h2spec/go.sum
	cd scripts/h2spec && $(GO) build -o ../../bin/h2spec github.com/summerwind/h2spec/cmd/h2spec

$(modules): web/package.json web/package-lock.json
	cd web && npm ci --no-fund --no-audit
	@touch $@

$(web): $(modules) $(shell find web -maxdepth 1 -type f) $(shell find web/src -type f 2>/dev/null)
	cd web && npm run --silent build

clean:
	rm -rf bin web/dist/assets $(web) web/node_modules
