# The two that a newcomer needs: `make demo` and `make test`.
# Everything is built with one profile in one target directory; `make bench` alone builds the release.

CARGO ?= cargo
PYTHON ?= python3
MOTO := target/moto
# Many tests wait for a server or for something that takes its time.
export RUST_TEST_THREADS ?= 6
TARGET := $(or $(CARGO_TARGET_DIR),target)

.PHONY: demo test chromium nightly lint bench bless schema release fmt

demo: ## The main job, on an AWS in the box
	$(CARGO) build --package regionctl
	@docs/demo.sh $(TARGET)/debug/regionctl

test: $(MOTO)/.installed chromium ## All tests; installs what they need below target/
	$(CARGO) test --workspace

$(MOTO)/.installed: tests/requirements.txt
	$(PYTHON) -m venv --clear $(MOTO)
	$(MOTO)/bin/pip install --quiet --requirement tests/requirements.txt
	@# Its sources bring the schema by which Jenkins reads JUnit files; it is not installed.
	$(MOTO)/bin/pip download --quiet --no-deps --no-binary :all: --dest $(MOTO)/sources pytest==8.4.2
	@touch $@

chromium: # The report's page is tested in it; anyone's own will do, else Debian's is installed
	@command -v chromium >/dev/null || command -v google-chrome >/dev/null || command -v chromium-browser >/dev/null \
	|| { apt-get update --quiet=2 && apt-get install --quiet=2 --yes --no-install-recommends chromium fonts-dejavu-core >/dev/null; }

nightly: ## The nightly job of docs/nightly.md, on the sandbox; what it makes is in target/nightly
	$(CARGO) build --package regionctl
	@docs/nightly/try.sh $(TARGET)/debug/regionctl target/nightly

lint: ## Format, clippy, licences and advisories where cargo-deny is installed
	@# The kinds are declared by a macro, behind which `cargo fmt` does not look.
	find crates tests -name '*.rs' | xargs rustfmt --check --edition 2024
	$(CARGO) clippy --workspace --all-targets --quiet -- -D warnings
	@if $(CARGO) deny --version >/dev/null 2>&1; then $(CARGO) deny --offline check bans licenses sources; \
	else echo "cargo-deny is not installed: licences and sources are not checked"; fi

schema bless: $(MOTO)/.installed chromium ## Write schemas, reference, calls table and golden files anew; read the diff
	BLESS=1 INSTA_UPDATE=always $(CARGO) test --package regionctl --test all

fmt: ## Format everything
	find crates tests -name '*.rs' | xargs rustfmt --edition 2024

release:
	$(CARGO) build --release --package regionctl

bench: release ## Calls, depth, memory and start-up
	$(PYTHON) tests/bench.py $(TARGET)/release/regionctl
