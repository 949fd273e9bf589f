# Everything sets itself up in .venv from python3 (3.11 or newer), make, git and OpenSSH's client.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
STAMPS := $(VENV)/.stamps
# JupyterLab, and the program beside it, for tests/jupyter: apart, because its server makes imports slow.
JUPYTER := .venv-jupyter
# The tests need more processes than cores: most of their time is waiting for kernels.
WORKERS ?= 3
PYTEST := $(BIN)/python -m pytest -q -n $(WORKERS) --dist worksteal --timeout 300

.PHONY: help demo test check browser format bench resign soak lock clean
.DELETE_ON_ERROR:

help:
	@echo "make demo    verify and run an approved example here, and show its record"
	@echo "make test    formatting, lint, types, import contracts, all tests"
	@echo "make check   the same without the tests"
	@echo "make browser edit a pair in JupyterLab in headless Chromium (part of make test where that is installed)"
	@echo "make format  write the formatting"
	@echo "make bench   measure the budgets beside their peers"
	@echo "make resign  sign the examples anew with a fresh throw-away key"
	@echo "make soak    the long versions of the random tests"

$(STAMPS)/venv:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "runbook needs Python 3.11 or newer; set PYTHON=/path/to/python3.11"; exit 2; }
	@$(PYTHON) -m venv $(VENV) || { echo "this Python cannot make a venv (Debian: install python3-venv)"; exit 2; }
	@mkdir -p $(STAMPS) && touch $@

$(STAMPS)/run: $(STAMPS)/venv requirements/run.txt requirements/build.txt pyproject.toml
	@echo "setting up .venv"
	@$(PIP) install --require-hashes -r requirements/build.txt -r requirements/run.txt
	@$(PIP) install --no-deps --no-build-isolation -e .
	@touch $@

$(STAMPS)/dev: $(STAMPS)/run requirements/dev.txt
	@$(PIP) install --require-hashes -r requirements/dev.txt
	@touch $@

$(STAMPS)/bench: $(STAMPS)/dev requirements/bench.txt
	@$(PIP) install --require-hashes -r requirements/bench.txt
	@touch $@

$(JUPYTER)/.stamp: $(STAMPS)/venv requirements/run.txt requirements/build.txt requirements/jupyter.txt pyproject.toml
	@echo "setting up $(JUPYTER)"
	@$(PYTHON) -m venv $(JUPYTER)
	@$(JUPYTER)/bin/python -m pip --disable-pip-version-check --quiet install --require-hashes \
	  -r requirements/build.txt -r requirements/run.txt
	@$(JUPYTER)/bin/python -m pip --disable-pip-version-check --quiet install --require-hashes -r requirements/jupyter.txt
	@$(JUPYTER)/bin/python -m pip --disable-pip-version-check --quiet install --no-deps --no-build-isolation -e .
	@touch $@

demo: $(STAMPS)/run
	@$(BIN)/runbook verify disk_space --env prod --unattended
	@$(BIN)/runbook run disk_space --env prod --unattended -p folder=. -p most_percent=100
	@$(BIN)/runbook audit latest

check: $(STAMPS)/dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

test: check $(JUPYTER)/.stamp
	$(PYTEST)

browser: $(STAMPS)/dev $(JUPYTER)/.stamp
	@command -v chromedriver >/dev/null || \
	  { apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium chromium-driver; } || \
	  { echo "Chromium and its driver are not here, and apt-get cannot install them"; exit 2; }
	$(PYTEST) -n 0 tests/jupyter/test_browser.py

format: $(STAMPS)/dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(STAMPS)/bench $(JUPYTER)/.stamp
	$(BIN)/python -m benchmarks

resign: $(STAMPS)/run
	$(BIN)/python -m tests.resign

soak: $(STAMPS)/dev
	RUNBOOK_SOAK=1 $(PYTEST) --timeout 7200 -m "soak or not soak"

lock:
	cd requirements && for name in build run dev bench jupyter; do \
	  uv pip compile --quiet --universal --generate-hashes --python-version 3.11 --no-header --no-annotate \
	    $$name.in -o $$name.txt; done

clean:
	rm -rf $(VENV) $(JUPYTER) .mypy_cache .ruff_cache .pytest_cache .hypothesis
