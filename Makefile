# Everything a checkout needs, from a bare machine with Python 3.11, 3.12 or 3.13.
.DEFAULT_GOAL := help
SHELL := /bin/sh
.DELETE_ON_ERROR:

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check --no-input
SUPPORTED := import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))
PYTEST_ARGS ?=
BENCH_ARGS ?=

.PHONY: help demo test check format bench lock clean

help: ## this list
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /  make \1\t/' | expand -t 18

demo: $(VENV)/.ready ## the whole engine on embedded parts, in one process
	@$(BIN)/engine demo

test: $(VENV)/.ready-dev ## all tests; those on a real broker and registry where Java and Maven are installed
	@$(BIN)/python -m pytest $(PYTEST_ARGS)

check: $(VENV)/.ready-dev ## format, lint, types
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy

format: $(VENV)/.ready-dev ## format the code and repair what ruff can repair
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

bench: $(VENV)/.ready-dev ## events a second beside a bare peer, on a real broker; options in BENCH_ARGS
	@$(BIN)/python -m bench.run $(BENCH_ARGS)

# The newest Python of the supported ones that really starts (a pyenv shim may not).
$(BIN)/python:
	@for python in $(PYTHON) python3.13 python3.12 python3.11 python3; do \
	  if $$python -c '$(SUPPORTED)' >/dev/null 2>&1; then \
	    echo "creating $(VENV) with $$($$python --version)"; exec $$python -m venv $(VENV); fi; \
	done; \
	echo "Python 3.11, 3.12 or 3.13 with its venv module is needed (Debian: apt-get install python3-venv);" >&2; \
	echo "name another interpreter with: make PYTHON=/path/to/python ..." >&2; exit 1

$(VENV)/.ready: requirements.lock requirements-build.lock pyproject.toml | $(BIN)/python
	@echo "installing the locked dependencies"
	@$(PIP) install --require-hashes -r requirements.lock -r requirements-build.lock
	@$(PIP) install --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.ready-dev: requirements-dev.lock $(VENV)/.ready
	@echo "installing the locked development tools"
	@$(PIP) install --require-hashes -r requirements-dev.lock
	@touch $@

# --no-emit-index-url: a lock names files by hash, never the place they come from.
COMPILE = .cache/lock/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
  --no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" $(UPGRADE)

lock: .cache/lock/bin/uv ## lock the dependencies anew; UPGRADE=--upgrade takes the newest versions
	$(COMPILE) pyproject.toml -o requirements.lock
	$(COMPILE) pyproject.toml --extra s3 -c requirements.lock -o requirements-s3.lock
	$(COMPILE) --group pyproject.toml:build -o requirements-build.lock
	$(COMPILE) pyproject.toml --group dev -c requirements.lock -c requirements-build.lock -o requirements-dev.lock

.cache/lock/bin/uv: | $(BIN)/python
	@$(BIN)/python -m venv .cache/lock
	@.cache/lock/bin/python -m pip --quiet --disable-pip-version-check install uv

clean: ## remove the environment, downloads and caches
	rm -rf $(VENV) .cache .mypy_cache .ruff_cache .pytest_cache build dist
