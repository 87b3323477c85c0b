# Targets of voicehouse; `make` alone explains them.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
export DAGSTER_DISABLE_TELEMETRY := 1
export DBT_SEND_ANONYMOUS_USAGE_STATS := false
export GX_ANALYTICS_ENABLED := false
export RUNTIME__DLTHUB_TELEMETRY := false

.DEFAULT_GOAL := help

.PHONY: help
help: ## This text
	@echo "voicehouse: a customer-feedback warehouse. Targets:"
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo "State lives in VOICEHOUSE_HOME (default .voicehouse); deleting it is a clean start."

$(BIN)/.installed: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(0 if (3, 11) <= sys.version_info < (3, 14) else "voicehouse needs Python 3.11, 3.12 or 3.13: make PYTHON=python3.11")'
	@echo "installing into $(VENV) from requirements.lock (hashes checked)"
	@test -x $(BIN)/pip || $(PYTHON) -c 'import ensurepip' 2>/dev/null || \
		{ echo "this Python makes no virtual environments: apt install python3-venv (Debian, Ubuntu), then make again"; exit 2; }
	@test -x $(BIN)/pip || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

.PHONY: setup
setup: $(BIN)/.installed ## Make the virtual environment from requirements.lock

.PHONY: run
run: setup ## Run everything on the built-in sample company (made-up people)
	@$(BIN)/voicehouse run --sample

.PHONY: real
real: setup ## Run on real public data: make real DATA=folder
	@test -n "$(DATA)" || { echo "say where the data is: make real DATA=../shared/data"; exit 2; }
	@VOICEHOUSE_HOME="$${VOICEHOUSE_HOME:-.voicehouse-real}" $(BIN)/voicehouse init \
		--sources examples/public_data --inbox "$(DATA)" --profile open_data --reporting-tz UTC
	@VOICEHOUSE_HOME="$${VOICEHOUSE_HOME:-.voicehouse-real}" $(BIN)/voicehouse run

.PHONY: ui
ui: setup ## Open Dagster on 127.0.0.1:3000
	@$(BIN)/voicehouse ui

.PHONY: test
test: setup ## Run the tests (public data, deaths, servers, browser and name models have targets of their own, below)
	@$(BIN)/python -m pytest tests --ignore=tests/acceptance -n 2 --dist loadgroup --no-loadscope-reorder -m "not browser and not servers and not faults and not operate and not names"

.PHONY: test-public
test-public: setup ## Hold the figures of nine public data sets against the raw files (VOICEHOUSE_DATA, or ../shared/data)
	@$(BIN)/python -m pytest tests/acceptance

.PHONY: test-faults
test-faults: setup ## Break it: bad input, deaths, full disks, two writers, late data (docs/reliability.md)
	@command -v strace >/dev/null || { apt-get -qq update && apt-get -qq install -y strace >/dev/null; }
	@$(BIN)/python -m pytest tests/faults -n 2 --dist loadfile -m faults

.PHONY: test-browser
test-browser: setup ## Open the report and Dagster in headless Chromium (installed from Debian when missing)
	@command -v chromium >/dev/null || { apt-get -qq update && apt-get -qq install -y chromium >/dev/null; }
	@$(BIN)/python -m pytest tests -m browser

.PHONY: test-servers
test-servers: setup ## Publish to, and build the models on, a real PostgreSQL, started and stopped by the test (installed from Debian when missing)
	@command -v initdb >/dev/null || ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || \
		{ apt-get -qq update && apt-get -qq install -y postgresql >/dev/null; }
	@PATH="$$PATH:$$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | tail -n 1)" $(BIN)/python -m pytest tests -m servers

.PHONY: test-names
test-names: names ## What the language models find, and that the gate masks it
	@$(BIN)/python -m pytest tests -m names

RECORDS ?= 100000 1000000
ROUNDS ?= 1
BESIDE ?= .venv-bench/bin/python

.PHONY: bench
bench: setup $(if $(BESIDE),.venv-bench/.installed) ## Measure all of it, one table: make bench RECORDS="100000 1000000" PUBLIC=folder (BESIDE= without Presidio, pycanon)
	@$(BIN)/python -m tests.bench $(foreach n,$(RECORDS),--records $(n)) --rounds $(ROUNDS) $(if $(INCREMENT_AT),--increment-at $(INCREMENT_AT)) $(if $(BESIDE),--beside $(BESIDE)) $(if $(PUBLIC),--public $(PUBLIC)) --write

.PHONY: test-operate
test-operate: setup ## Run every command of docs/operate.md, in a fresh clone, and of docs/privacy.md (minutes)
	@$(BIN)/python -m pytest tests -m operate

.PHONY: pictures
pictures: setup ## Take the pictures of the README from the home that `make run` filled (needs Chromium)
	@$(BIN)/python -m docs.pictures

.PHONY: lint
lint: setup ## Style, types, import rules
	@$(BIN)/ruff check . && $(BIN)/ruff format --check .
	@$(BIN)/sqlfmt --check dbt_project examples orchestration
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/hadolint deploy/Containerfile
	@$(BIN)/check-jsonschema --builtin-schema vendor.compose-spec deploy/compose.yaml

.PHONY: format
format: setup ## Format Python and SQL
	@$(BIN)/ruff check --fix . ; $(BIN)/ruff format .
	@$(BIN)/sqlfmt dbt_project examples orchestration

.PHONY: lock
lock: ## Resolve requirements.lock anew (needs uv)
	uv pip compile pyproject.toml --extra s3 --extra postgres --extra dev --universal --python-version 3.11 \
		--generate-hashes --no-emit-index-url --no-header --no-strip-extras --output-file requirements.lock
	uv pip compile requirements-bench.in --universal --python-version 3.11 \
		--generate-hashes --no-emit-index-url --no-header --no-strip-extras --output-file requirements-bench.lock
	$(PYTHON) -c 'import tomllib; extras = tomllib.load(open("pyproject.toml", "rb"))["project"]["optional-dependencies"]; \
		print(*extras["ner-en"], *extras["ner-zh"], sep="\n")' | \
		uv pip compile - --constraint requirements.lock --universal --python-version 3.11 \
		--generate-hashes --no-emit-index-url --no-header --no-strip-extras --output-file requirements-ner.lock

$(BIN)/.names: $(BIN)/.installed requirements-ner.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements-ner.lock
	@touch $@

.PHONY: names
names: $(BIN)/.names ## Install the language models that find names of third persons (extras ner-en, ner-zh; docs/privacy.md)

.venv-bench/.installed: requirements-bench.lock
	@$(PYTHON) -m venv .venv-bench
	@.venv-bench/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements-bench.lock
	@touch $@

.PHONY: bench-redaction
bench-redaction: names .venv-bench/.installed ## Recall, precision and speed of redaction beside Presidio: make bench-redaction PUBLIC=folder
	@$(BIN)/python -m tests.bench.bench_redaction --presidio .venv-bench/bin/python $(if $(PUBLIC),--public $(PUBLIC)) $(WRITE)

.PHONY: clean
clean: ## Remove the virtual environment and caches; homes stay
	rm -rf $(VENV) .venv-bench .pytest_cache .mypy_cache .ruff_cache .hypothesis
