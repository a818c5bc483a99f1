# The commands of the house. `make` alone lists them.
PYTHON ?= python3
BIN := .venv/bin
# Tests at once. They wait more than they work, so that two cores take three.
AT_ONCE ?= 3
.DEFAULT_GOAL := help

help:  ## list the commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

.venv/installed: requirements/run.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "wirewatch needs Python 3.11 or newer; this is $$($(PYTHON) --version). Set PYTHON=python3.12, say." >&2; exit 1; }
	@$(PYTHON) -m venv .venv || \
	  { echo "could not make .venv: on Debian, apt-get install python3-venv" >&2; exit 1; }
	@echo "installing pinned dependencies into .venv …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/run.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

.venv/installed-dev: requirements/dev.txt .venv/installed
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	@touch $@

install: .venv/installed  ## make .venv with the `wirewatch` command

demo: .venv/installed  ## the whole job on a sample newsroom, in under a minute
	@$(BIN)/wirewatch demo

run: .venv/installed  ## watch the feeds of watch/feeds.opml for the alerts of watch/alerts.toml
	@$(BIN)/wirewatch up --watch watch

test: .venv/installed-dev  ## all tests; what needs a server finds or starts one
	@$(BIN)/python -m pytest -n $(AT_ONCE) --dist worksteal

check: lint types imports test  ## what CI runs: format, lint, types, import rules, tests

lint: .venv/installed-dev
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .

parity: .venv/installed-dev  ## the long run of the tests that hold all engines to the evaluator (half an hour)
	@HYPOTHESIS_PROFILE=long $(BIN)/python -m pytest tests/test_parity.py --timeout 3600

faults: .venv/installed-dev  ## the faults of tests/faults for as long as issue 10 asks (half an hour)
	@FAULT_SCALE=1 $(BIN)/python -m pytest tests/faults --timeout 3600

types: .venv/installed-dev
	@$(BIN)/mypy

imports: .venv/installed-dev
	@$(BIN)/lint-imports

format: .venv/installed-dev  ## put the code into its form
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

lock: .venv/installed-dev  ## pin the newest allowed dependencies, with hashes
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	  --no-header --upgrade pyproject.toml requirements/build.in -o requirements/run.txt
	@for extra in otel spacy; do $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	  --no-emit-index-url --no-header --upgrade --extra $$extra -c requirements/run.txt pyproject.toml \
	  requirements/build.in -o requirements/run-$$extra.txt || exit 1; done
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	  --no-header --upgrade --group dev -c requirements/run.txt -o requirements/dev.txt
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	  --no-header --upgrade requirements/audit.in -o requirements/audit.txt

.venv-audit/installed: requirements/audit.txt
	@$(PYTHON) -m venv .venv-audit
	@.venv-audit/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/audit.txt
	@touch $@

sbom: .venv-audit/installed  ## the software bill of materials of what is installed to run: sbom.json (CycloneDX)
	@.venv-audit/bin/cyclonedx-py requirements --pyproject pyproject.toml --mc-type application --output-reproducible \
	  --output-format JSON --output-file sbom.json requirements/run.txt

audit: .venv-audit/installed  ## known vulnerabilities of the pinned dependencies, where the advisories can be had
	@.venv-audit/bin/python -m tools.audit

clean:  ## remove what was installed and cached
	rm -rf .venv .venv-audit sbom.json .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

.PHONY: help install demo run test check lint types imports parity faults format lock sbom audit clean
