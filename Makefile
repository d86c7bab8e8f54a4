# The same commands for people and for CI. Each sets up what it needs, and is quick the second time.

PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt
# One thread for each of a few test processes: threads that share cores would wait for each other.
TEST_ENVIRONMENT := OMP_NUM_THREADS=1 MPLBACKEND=agg
PROCESSES := --numprocesses auto --maxprocesses 4 --dist loadfile

.PHONY: setup demo test check format bench reproduce smoke claims claims-segmentation outliers docs vendor clean

setup: .venv/.test

.venv/.base: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit("Isthmus needs Python 3.11 or newer.") if sys.version_info < (3, 11) else None'
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(PIP) --editable .
	touch $@

.venv/.test: .venv/.base
	$(PIP) --editable '.[test]'
	touch $@

.venv/.docs: .venv/.base
	$(PIP) --editable '.[docs]'
	touch $@

.venv/.bench: .venv/.test
	$(PIP) --editable '.[bench]'
	touch $@

demo: .venv/.base
	$(BIN)/isthmus demo

test: check
	$(TEST_ENVIRONMENT) $(BIN)/pytest $(PROCESSES)

check: .venv/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: .venv/.test
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: .venv/.bench
	$(BIN)/python benchmarks/speed.py
	$(BIN)/python benchmarks/tiled.py
	$(BIN)/python benchmarks/export.py
	$(BIN)/python benchmarks/serve.py

reproduce: .venv/.test
	$(BIN)/python benchmarks/reproduce.py "$(ONLY)"

smoke: .venv/.test
	$(BIN)/python benchmarks/smoke.py

claims: .venv/.test
	$(BIN)/python benchmarks/claims.py "$(ONLY)"

claims-segmentation: .venv/.test
	$(BIN)/python benchmarks/claims_segmentation.py "$(ONLY)"

outliers: .venv/.bench
	$(BIN)/python benchmarks/outliers.py "$(ONLY)"

docs: .venv/.docs
	$(BIN)/mkdocs build --strict --quiet
	@echo "Open site/index.html"

vendor:
	cd frontend && npm ci --no-audit --no-fund && npm run --silent vendor

clean:
	rm -rf .venv site frontend/node_modules .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
