# Two commands on a fresh machine: `make book` and `make test`. They need Python 3.11 or newer and the package index.
PYTHON ?= python3
VENV ?= .venv
PROFILE ?= default
# Processes of the tests, a file at a time; one thread each, because more would wait for one another.
JOBS ?= 2
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

.DEFAULT_GOAL := help
.PHONY: help install test book pairs benchmarks lock clean

help:
	@echo "make book        install, execute every chapter (PROFILE=smoke for a quick trial), build the pages"
	@echo "make test        install, run all tests"
	@echo "make pairs       like book; also writes the executed notebooks into notebooks/, to be committed"
	@echo "make benchmarks  measure speed and memory beside the peers"
	@echo "make lock        choose all package versions anew"
	@echo "make clean       remove built pages and runs, keep the environment"

install: $(INSTALLED)

$(INSTALLED): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "brainalign needs Python 3.11 or newer; name one with: make $(MAKECMDGOALS) PYTHON=/path/to/python3.11"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

test: $(INSTALLED)
	HF_HUB_OFFLINE=1 OMP_NUM_THREADS=1 MKL_NUM_THREADS=1 NUMBA_NUM_THREADS=1 \
	  $(BIN)/python -m pytest -n $(JOBS) --dist loadfile

book: $(INSTALLED)
	$(BIN)/brainalign book --profile $(PROFILE)

pairs: $(INSTALLED)
	$(BIN)/brainalign book --save-pairs

benchmarks: $(INSTALLED)
	$(BIN)/python -m pytest benchmarks --benchmark-only -s

# Start from what is locked, so that only what pyproject.toml asks for changes; delete requirements.lock to renew all.
lock: $(INSTALLED)
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip compile pyproject.toml --all-extras --universal --python-version 3.11 --no-annotate \
	  --custom-compile-command "make lock" --output-file requirements.lock

clean:
	rm -rf _build runs
