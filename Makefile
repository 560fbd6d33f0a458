# A new machine needs Python 3.11 or later and make; nothing else by hand.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet

.PHONY: setup demo test coverage lint bench docs requirements clean

help:
	@echo "make setup | demo | test | coverage | lint | bench | docs"

$(VENV)/.core: requirements/core.txt pyproject.toml
	@echo "setting up $(VENV): the pinned packages of nova-spi"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "nova-spi needs Python 3.11 or later: make PYTHON=python3.12")'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(PIP) install --require-hashes -r requirements/core.txt
	@$(PIP) install --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.dev: $(VENV)/.core requirements/dev.txt
	@echo "setting up $(VENV): the pinned packages of its tests"
	@$(PIP) install --require-hashes -r requirements/dev.txt
	@touch $@

setup: $(VENV)/.dev  ## everything that developing needs

demo: $(VENV)/.core  ## real models: created, validated, run and tested from their manifests
	@$(BIN)/python examples/demo.py

.PHONY: system
system:  ## Debian packages that the tests use (speech); their tests skip where apt-get is not there
	@tests/install-system-packages.sh

test: $(VENV)/.dev system lint
	$(BIN)/python -m pytest -n 2 --dist loadscope

coverage: $(VENV)/.dev system  ## the same, measured: tracing makes the properties take three times as long
	$(BIN)/python -m pytest -n 2 --dist loadscope --cov --cov-report=term --cov-report=html:.build/coverage

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(VENV)/.dev  ## speed, as ratios; writes bench/results/
	$(BIN)/python -m bench

docs: $(VENV)/.dev
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

requirements: $(VENV)/.dev  ## pins again, with hashes and without index addresses
	$(BIN)/python requirements/compile.py

clean:
	rm -rf $(VENV) .build dist site .coverage*
