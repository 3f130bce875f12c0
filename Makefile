# Everything a checkout is asked to do. `make` lists it. Works with pip alone; uses uv where it is on the PATH.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help install run test check bench docs screenshots lock

PYTHON ?= python3
# Two is right for two cores: the embedded server of the tests works beside them.
WORKERS ?= 2
# Locks are made of what had been published by then.
LOCK_DATE ?= 2026-11-01

VENV := .venv
BIN := $(VENV)/bin
UV := $(shell command -v uv 2>/dev/null || true)
ifeq ($(UV),)
PIP := $(BIN)/python -m pip --disable-pip-version-check
INSTALL_HASHED := $(PIP) install --quiet --require-hashes
INSTALL_SELF := $(PIP) install --quiet --no-index --no-deps --no-build-isolation --editable .
else
INSTALL_HASHED := $(UV) pip install --quiet --python $(BIN)/python --require-hashes
INSTALL_SELF := $(UV) pip install --quiet --python $(BIN)/python --offline --no-deps --no-build-isolation --editable .
endif

help: ## List these targets
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "make %-12s%s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(VENV)/installed ## Make .venv with what a running Fissile needs, every file held to its hash

run: install ## Install, then start a demo community on http://127.0.0.1:8000
	$(BIN)/fissile run --demo

test: $(VENV)/installed-dev ## Run every test (ARGS="tests/kernel -x" for some of them)
	$(BIN)/pytest -n $(WORKERS) $(ARGS)

check: $(VENV)/installed-dev ## Check style, types, the direction of imports, dependencies, generated pages
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/deptry src
	$(BIN)/python -m tools.reference --check

bench: install ## Measure the fast paths: resolve, orders, crowd
	$(BIN)/fissile bench resolve
	$(BIN)/fissile bench orders
	$(BIN)/fissile bench crowd
	$(BIN)/fissile bench posters

docs: $(VENV)/installed-dev ## Write docs/reference anew from the code
	$(BIN)/python -m tools.reference

screenshots: $(VENV)/installed-dev ## Take a picture of every page of the demo: two widths, languages, themes
	$(BIN)/python -m tools.screenshots

lock: $(VENV)/installed-dev ## Compile requirements/*.txt anew from *.in, as published by LOCK_DATE
	for name in build run dev test-upgrade; do \
	  $(BIN)/uv pip compile --quiet --generate-hashes --no-emit-index-url --no-header \
	    --exclude-newer $(LOCK_DATE) -p 3.11 requirements/$$name.in -o requirements/$$name.txt; \
	done

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo 'Fissile needs Python 3.11 or newer; name one with: make install PYTHON=/path/to/python3' >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { \
	  echo 'Python has no venv here. On Debian: apt-get install python3-venv' >&2; rm -rf $(VENV); exit 1; }

$(VENV)/installed: requirements/run.txt requirements/build.txt pyproject.toml | $(BIN)/python
	$(INSTALL_HASHED) -r requirements/build.txt -r requirements/run.txt
	$(INSTALL_SELF)
	@touch $@

$(VENV)/installed-dev: requirements/dev.txt $(VENV)/installed
	$(INSTALL_HASHED) -r requirements/dev.txt
	@touch $@
