# make run     a trial of the whole product on loopback, everything in STATE
# make test    the whole suite; installs what it needs where it may
# make lint    ruff, mypy, import-linter
# make fuzz    every parser of ours with damaged input: FUZZ_ARGS="--seconds 600"
# make bench   side by side with Postfix and Dovecot

STATE ?= ./var
VENV := .venv
BIN := $(VENV)/bin
PYTEST_ARGS ?=
# Not ours to carry along: they are in the source distributions of pyspf and dkimpy.
RFC7208_TESTS := $(VENV)/share/pyspf/rfc7208-tests.yml
DKIM_TESTS := $(VENV)/share/dkimpy/test.message

.PHONY: run test lint fuzz bench clean

run: $(VENV)/.installed
	@$(BIN)/tempmaild trial --state $(STATE)

test: $(VENV)/.installed-test
	@tests/packages.sh test
	@test -e $(RFC7208_TESTS) || $(BIN)/python -m tests.checks.spf_suite || true
	@test -e $(DKIM_TESTS) || $(BIN)/python -m tests.checks.signing_suite || true
	@$(BIN)/python -m pytest -n 2 --dist worksteal $(PYTEST_ARGS)

lint: $(VENV)/.installed-test
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

fuzz: $(VENV)/.installed-test
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[fuzz]'
	@$(BIN)/python -m tests.fuzz $(FUZZ_ARGS)

bench: $(VENV)/.installed-test
	@tests/packages.sh bench
	@$(BIN)/python -m tests.bench $(BENCH_ARGS)

clean:
	rm -rf $(VENV) build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .fuzz

$(BIN)/python:
	@python3 -m venv $(VENV) || { rm -rf $(VENV); apt-get update -q && apt-get install -q -y python3-venv && python3 -m venv $(VENV); }

$(VENV)/.installed: $(BIN)/python setup.cfg pyproject.toml
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[admin]'
	@touch $@

$(VENV)/.installed-test: $(BIN)/python setup.cfg pyproject.toml
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[admin,test,lint]'
	@touch $@ $(VENV)/.installed
