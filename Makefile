# Everything runs in .venv, which the first target makes; nothing but Python >= 3.11 and make is needed.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Spinning OpenMP threads make small steps many times slower while another process holds a core.
export OMP_WAIT_POLICY ?= PASSIVE

.PHONY: quickstart assignment test test-slow check bench docs clean

quickstart: $(VENV)/.installed
	$(BIN)/dmlcore run studies/quickstart.toml

assignment: $(VENV)/.installed-handin
	$(BIN)/dmlcore run studies/assignment/glyphs/*.toml --processes 2
	$(BIN)/dmlcore submit studies/assignment/glyphs/*.toml -o handin.zip

test: $(VENV)/.installed-dev
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -m "not slow" -n auto --maxprocesses 4 --dist loadfile

test-slow: $(VENV)/.installed-dev
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -m slow --timeout 1800

check: $(VENV)/.installed-dev
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(MAKE) test

bench: $(VENV)/.installed-dev
	$(BIN)/python benchmarks/metrics.py
	$(BIN)/python benchmarks/exactness.py
	$(BIN)/python benchmarks/recording.py
	$(BIN)/python benchmarks/report.py
	$(BIN)/python benchmarks/plugins.py

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
