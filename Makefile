# make run     a trial of the whole product on loopback, everything in STATE
# make test    the whole suite; installs what it needs where it may
# make lint    ruff, mypy, import-linter
# make fuzz    every parser of ours with damaged input: FUZZ_ARGS="--seconds 600"
# make bench   side by side with Postfix and Dovecot
# make pictures   those of the console in docs/images, taken anew
# make translations   the console's texts into its catalogues, which translators fill in, and those into what it reads

STATE ?= ./var
VENV := .venv
BIN := $(VENV)/bin
# The system's own before one that a version manager has built: Debian's is optimised by profiles, and a third faster.
PYTHON ?= $(or $(shell for python in /usr/bin/python3 python3; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$python && break; done),python3)
PYTEST_ARGS ?=
# Tests wait a lot, for daemons above all: one more than there are processors keeps these busy.
PYTEST_WORKERS ?= $(shell expr $$(nproc) + 1)
# Not ours to carry along: they are in the source distributions of pyspf and dkimpy.
RFC7208_TESTS := $(VENV)/share/pyspf/rfc7208-tests.yml
DKIM_TESTS := $(VENV)/share/dkimpy/test.message

# Whoever sets it: each of the many processes that the tests start would compile everything anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: run test lint fuzz bench translations pictures clean

run: $(VENV)/.installed
	@$(BIN)/tempmaild trial --state $(STATE)

test: $(VENV)/.installed-test
	@tests/packages.sh test
	@test -e $(RFC7208_TESTS) || $(BIN)/python -m tests.checks.spf_suite || true
	@test -e $(DKIM_TESTS) || $(BIN)/python -m tests.checks.signing_suite || true
	@$(BIN)/python -m pytest -n $(PYTEST_WORKERS) --dist worksteal $(PYTEST_ARGS)

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

CATALOGUES := admin/tempmaild_admin/translations

translations: $(VENV)/.installed-test
	@PYTHONPATH=admin $(BIN)/pybabel -q extract -F admin/babel.cfg -k _l --sort-by-file --add-location=file \
		--project=tempmaild --copyright-holder=tempmaild -o $(VENV)/console.pot admin/tempmaild_admin tempmaild
	@$(BIN)/pybabel -q update -i $(VENV)/console.pot -d $(CATALOGUES) --no-wrap --no-fuzzy-matching --ignore-obsolete \
		--ignore-pot-creation-date
	@$(BIN)/pybabel compile -d $(CATALOGUES) --statistics

pictures: $(VENV)/.installed-test
	@tests/packages.sh pictures
	@$(BIN)/python -m tests.browser.pictures

clean:
	rm -rf $(VENV) build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .fuzz

$(BIN)/python:
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); apt-get update -q && apt-get install -q -y python3-venv && $(PYTHON) -m venv $(VENV); }

$(VENV)/.installed: $(BIN)/python setup.cfg pyproject.toml
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[admin]'
	@touch $@

$(VENV)/.installed-test: $(BIN)/python setup.cfg pyproject.toml
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[admin,alerts,test,lint]'
	@touch $@ $(VENV)/.installed
