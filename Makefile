# Everything happens in .venv, installed from requirements.lock; nothing outside this folder is written.
PYTHON ?= $(shell for found in python3.13 python3.12 python3.11 python3; do \
	command -v $$found >/dev/null && $$found -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	&& echo $$found && break; done)
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check -qq

.PHONY: help setup demo test lint types format bench soak kills lock clean

help: ## Say what can be made
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 16

setup: .venv/ready ## Make .venv with everything in it

.venv/ready: requirements.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo "scimport needs Python 3.11 or newer: name one with make PYTHON=..."; exit 1; }
	@echo "Setting up .venv (once; about a minute) ..."
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(PIP) install --no-deps --require-hashes --only-binary :all: -r requirements.lock
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

demo: setup ## Run the main job on sample_data against the embedded sandbox
	@$(BIN)/python sample_data/demo.py

# With bytecode at hand, whatever the environment says: each worker and command would compile all files anew.
test: setup ## Run all tests
	@PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest -n 3

lint: setup ## Check the style
	@$(BIN)/ruff check . && $(BIN)/ruff format --check .

types: setup ## Check the types
	@$(BIN)/mypy

format: setup ## Put the code into shape
	@$(BIN)/ruff check --fix-only . && $(BIN)/ruff format .

bench: setup ## Measure everything beside its alternatives (some twenty minutes; BENCH=--small is quick)
	@$(BIN)/python benchmarks/suite.py $(BENCH)

soak: setup ## Live a week of daily runs under faults (half an hour; SOAK="--people 3000" is shorter)
	@$(BIN)/python benchmarks/soak.py $(SOAK)

kills: setup ## Kill commands at a hundred random moments, and see that nobody is lost
	@$(BIN)/python benchmarks/kills.py $(KILLS)

lock: setup ## Choose the newest allowed versions of everything
	@$(PIP) install uv && $(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes --upgrade --quiet \
	  --no-emit-index-url --no-header pyproject.toml --group dev --output-file requirements.lock

clean: ## Remove .venv and what was remembered
	@rm -rf .venv .scimport
