# make run     a trial of the whole product on loopback, everything in STATE
# make test    the whole suite; installs what it needs where it may
# make lint    ruff, mypy, import-linter
# make bench   side by side with Postfix and Dovecot

STATE ?= ./var
VENV := .venv
BIN := $(VENV)/bin
PYTEST_ARGS ?=

.PHONY: run test lint bench clean

run: $(VENV)/.installed
	@$(BIN)/tempmaild trial --state $(STATE)

test: $(VENV)/.installed-test
	@tests/packages.sh test
	@$(BIN)/python -m pytest -n 2 --dist worksteal $(PYTEST_ARGS)

lint: $(VENV)/.installed-test
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

bench: $(VENV)/.installed-test
	@tests/packages.sh bench
	@$(BIN)/python -m tests.bench $(BENCH_ARGS)

clean:
	rm -rf $(VENV) build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

$(BIN)/python:
	@python3 -m venv $(VENV) || { rm -rf $(VENV); apt-get update -q && apt-get install -q -y python3-venv && python3 -m venv $(VENV); }

$(VENV)/.installed: $(BIN)/python setup.cfg pyproject.toml
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	@touch $@

$(VENV)/.installed-test: $(BIN)/python setup.cfg pyproject.toml
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[test,lint]'
	@touch $@ $(VENV)/.installed
