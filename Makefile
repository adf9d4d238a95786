# The two commands: `make demo` and `make test`. The others serve them.
.PHONY: demo build dashboard test rust-test browser-test attack-long agreements-long check advisories notices real sample-data clean

CARGO ?= cargo
DATA ?= $(HOME)/.local/share/commonground/demo
LISTEN ?= 127.0.0.1:8080
WEB := crates/dashboard/web
TARGET := $(if $(CARGO_TARGET_DIR),$(CARGO_TARGET_DIR),$(CURDIR)/target)
# cargo-nextest where it is installed, cargo's own runner elsewhere: the tests are the same.
RUNNER := $(shell $(CARGO) nextest --version >/dev/null 2>&1 && echo nextest run || echo test)

# Builds everything, loads the sample partnership and serves it.
demo: build
	$(TARGET)/release/commonground demo --data $(DATA) --listen $(LISTEN)

build: dashboard
	$(CARGO) build --release --locked -p commonground

# The web application, embedded in the binary.
dashboard: crates/dashboard/dist/index.html

crates/dashboard/dist/index.html: $(WEB)/node_modules/.package-lock.json $(shell find $(WEB)/src $(WEB)/public -type f 2>/dev/null) $(WEB)/index.html $(WEB)/vite.config.ts
	cd $(WEB) && npm run --silent build
	@touch $@

$(WEB)/node_modules/.package-lock.json: $(WEB)/package-lock.json
	cd $(WEB) && npm ci --no-audit --no-fund
	@touch $@

# Every test: Rust, documentation examples, browser. One selection of packages and targets throughout, so that nothing is
# built twice with other features.
test: rust-test browser-test

rust-test: dashboard
	$(CARGO) build --locked --workspace --bins --examples
	$(CARGO) $(RUNNER) --locked --workspace
	$(CARGO) test --locked --workspace --doc --quiet

# Drives the page in a real browser; needs Chromium (set CHROMIUM to its path if it is not on PATH).
browser-test: dashboard
	$(CARGO) build --locked --workspace --bins --examples
	cd $(WEB) && BROWSER_TEST_BINARY=$(TARGET)/debug/commonground npm test

# The tests that are skipped because they take minutes, in release mode: inversion of whole families of tables, thousands of random
# groups.
attack-long:
	$(CARGO) test --release --locked -p attack -- --ignored --nocapture long_
	$(CARGO) test --release --locked -p disclosure -- --ignored --nocapture all_small

# The eleven invariants of the agreements in a million decisions, by another seed each time: SEED=n repeats one.
agreements-long: SEED := $(or $(SEED),$(shell date +%s))
agreements-long:
	@echo "seed $(SEED)"
	PROPTEST_RNG_SEED=$(SEED) $(CARGO) test --release --locked -p agreements -- --ignored --nocapture long_

# Format, lints and dependency rules, as .ci/run calls them.
check:
	$(CARGO) fmt --all --check
	$(CARGO) clippy --locked --workspace --all-targets -- -D warnings
	$(CARGO) deny --offline --locked check bans licenses sources
	cd $(WEB) && npm run --silent check

# Known weaknesses of dependencies. Apart from `check`: the database comes from the network, and what is in it changes without us.
advisories:
	$(CARGO) deny --locked check advisories

# Writes the licences of what is linked into the program; a test proves that none is missing.
notices:
	node crates/commonground/notices.mjs

# Tries real public files that are not part of the project: make real REAL=folder
real: build
	@test -n "$(REAL)" || { echo "say where the real files are: make real REAL=folder"; exit 2; }
	@test -d "$(REAL)" || { echo "no folder $(REAL): the real files are needed for this check"; exit 2; }
	$(CARGO) build --release --locked -p geography --example import
	tests/real/run.sh "$(REAL)" $(TARGET)/release/commonground $(TARGET)/release/examples/import

# Makes sample-data/ anew; a test proves that this changes no byte.
sample-data:
	$(CARGO) run --release --locked -p testkit --bin make-sample-data -- sample-data

clean:
	$(CARGO) clean
	rm -rf crates/dashboard/dist $(WEB)/node_modules
