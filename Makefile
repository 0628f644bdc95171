# SPDX-License-Identifier: Apache-2.0
# Start with `make demo` and `make test`. Everything is built with one profile in one target directory; only `make bench`
# builds the release.

CARGO ?= cargo
PYTHON ?= python3
MOTO := target/moto
TOOLS := target/tools
# Many tests wait for a server or a process, so twice the usual two cores. More threads were slower.
export RUST_TEST_THREADS ?= 4
TARGET := $(or $(CARGO_TARGET_DIR),target)
RUST_FILES := find crates tests -name '*.rs'

.PHONY: help demo test check chromium nightly lint bench bless schema release fmt
.DEFAULT_GOAL := help

help: ## Show these targets
	@grep -hE '^[a-z ]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z ]+):.*## /\1\t/' | expand -t 16

demo: ## Run the main job on the embedded AWS emulator: plan, apply, drift, repair
	$(CARGO) build --package regionctl
	@docs/demo.sh $(TARGET)/debug/regionctl

test: $(MOTO)/.installed chromium ## Run the tests, with CI=true all of them; installs what they need below target/
	$(CARGO) test --workspace

check: ## Check formatting, clippy and the core's tests in under a minute
	$(RUST_FILES) | xargs rustfmt --check --edition 2024
	$(CARGO) clippy --workspace --all-targets --quiet -- -D warnings
	$(CARGO) test --quiet --package regionctl-core

$(MOTO)/.installed: tests/requirements.txt
	$(PYTHON) -m venv --clear $(MOTO)
	$(MOTO)/bin/pip install --quiet --requirement tests/requirements.txt
	@# Its sources bring the schema by which Jenkins reads JUnit files; it is not installed.
	$(MOTO)/bin/pip download --quiet --no-deps --no-binary :all: --dest $(MOTO)/sources pytest==8.4.2
	@touch $@

$(TOOLS)/.machete-0.9.2-deny-0.20.2:
	$(CARGO) install --quiet --locked --root $(TOOLS) --target-dir $(TOOLS)/build cargo-machete@0.9.2 cargo-deny@0.20.2
	@rm -rf $(TOOLS)/build
	@touch $@

chromium: # The report's page is tested in a browser: one that is installed, else Debian's is installed
	@command -v chromium >/dev/null || command -v google-chrome >/dev/null || command -v chromium-browser >/dev/null \
	|| { apt-get update --quiet=2 && apt-get install --quiet=2 --yes --no-install-recommends chromium fonts-dejavu-core >/dev/null; }

nightly: ## Run the nightly job of docs/nightly.md on the emulator; its output is in target/nightly
	$(CARGO) build --package regionctl
	@docs/nightly/try.sh $(TARGET)/debug/regionctl target/nightly

lint: $(MOTO)/.installed $(TOOLS)/.machete-0.9.2-deny-0.20.2 ## Check formatting, clippy, docs, spelling, wording, links, sizes, dependencies
	@# The kinds are declared by a macro, behind which `cargo fmt` does not look.
	$(RUST_FILES) | xargs rustfmt --check --edition 2024
	$(CARGO) clippy --workspace --all-targets --quiet -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --workspace --no-deps --document-private-items --quiet
	$(MOTO)/bin/typos
	$(CARGO) metadata --format-version 1 --locked >$(TARGET)/metadata.json
	$(PYTHON) tests/style.py --metadata $(TARGET)/metadata.json
	$(TOOLS)/bin/cargo-machete crates
	$(TOOLS)/bin/cargo-deny --log-level error check bans licenses sources
	@# The advisory database is a Git repository, which not every machine reaches.
	@if $(TOOLS)/bin/cargo-deny fetch db >/dev/null 2>&1; then $(TOOLS)/bin/cargo-deny --log-level error check advisories; \
	else echo "not checked: advisories (their database cannot be fetched)"; fi

schema bless: $(MOTO)/.installed chromium ## Rewrite schemas, reference, calls table and golden files; read the diff
	BLESS=1 INSTA_UPDATE=always $(CARGO) test --package regionctl --test all

fmt: ## Format all Rust files
	$(RUST_FILES) | xargs rustfmt --edition 2024

release: ## Build the release
	$(CARGO) build --release --package regionctl

bench: release ## Measure calls, depth, memory and start-up of the release
	$(PYTHON) tests/bench.py $(TARGET)/release/regionctl
