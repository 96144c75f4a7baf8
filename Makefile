# Everything runs in .venv, which the first target makes; nothing but Python >= 3.11 and make is needed.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Spinning OpenMP threads make small steps many times slower while another process holds a core.
export OMP_WAIT_POLICY ?= PASSIVE

.PHONY: quickstart assignment test test-fast test-slow fuzz check bench docs clean

quickstart: $(VENV)/.installed
	$(BIN)/dmlcore run studies/quickstart.toml

assignment: $(VENV)/.installed-handin
	$(BIN)/dmlcore run studies/assignment/glyphs/*.toml --processes 2
	$(BIN)/dmlcore submit studies/assignment/glyphs/*.toml -o handin.zip

# Compiled tests and modules are kept: otherwise each worker, and each process that a test starts, compiles them again.
PYTEST := PYTHONDONTWRITEBYTECODE= OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q
PARALLEL := -n auto --maxprocesses 4 --dist loadfile
# What runs without training a network, or trains the smallest for a moment: under a minute on two cores.
FAST := tests/api tests/commands tests/data tests/docs/test_architecture.py tests/docs/test_language.py tests/host \
	tests/report/content tests/report/explanation tests/results tests/study tests/test_mistakes.py tests/test_text.py
NOT_FAST := tests/commands/test_new_plugin.py tests/commands/test_run.py tests/data/test_published.py

test-fast: $(VENV)/.installed-dev
	$(PYTEST) -m "not slow" $(PARALLEL) $(FAST) $(NOT_FAST:%=--ignore=%)

test: $(VENV)/.installed-dev
	$(PYTEST) -rs -m "not slow" $(PARALLEL)

test-slow: $(VENV)/.installed-dev
	$(PYTEST) -rs -m slow --timeout 1800

fuzz: $(VENV)/.installed-dev
	PYTHONPATH=tests $(BIN)/python -m fuzz

check: $(VENV)/.installed-dev
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(MAKE) test

bench: $(VENV)/.installed-dev
	$(BIN)/python benchmarks/metrics.py
	$(BIN)/python benchmarks/exactness.py
	$(BIN)/python benchmarks/search_time.py
	$(BIN)/python benchmarks/recording.py
	$(BIN)/python benchmarks/report.py
	$(BIN)/python benchmarks/plugins.py
	$(BIN)/python benchmarks/claims.py
	$(BIN)/python benchmarks/variances.py

docs: $(VENV)/.installed-dev
	$(BIN)/python docs/make_reference.py
	$(BIN)/python docs/make_losses.py
	$(BIN)/python docs/make_checks.py

clean:
	rm -rf $(VENV) runs

$(VENV)/.installed: pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "dmlcore needs Python 3.11 or newer: make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --editable .
	touch $@

$(VENV)/.installed-handin: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --editable '.[handin]'
	touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	touch $@
