# Each target prepares what it needs: `make test` on a fresh checkout is enough.
PYTHON ?= python3
PROFILE ?= smoke
VENV := .venv
BIN := $(VENV)/bin
SHA := $(shell cat constraints.txt pyproject.toml | { sha256sum 2>/dev/null || shasum -a 256; } | cut -c1-16)
STAMP := $(VENV)/.installed-$(SHA)
TORCH := $(shell grep '^torch==' constraints.txt)

# One thread a process: numbers do not depend on the machine, and parallel jobs do not fight.
export OMP_NUM_THREADS := 1
export MKL_NUM_THREADS := 1
export OPENBLAS_NUM_THREADS := 1
# pooch, which fetches data, asks for a widget that no page needs.
export PYTHONWARNINGS := ignore:IProgress not found
# Kernels and tests that call `biam` find the one of this checkout.
export PATH := $(abspath $(BIN)):$(PATH)

.DEFAULT_GOAL := help
.PHONY: help setup book notebooks test lint unit nbval clean

help:  ## list the targets
	@sed -n 's/^\([a-z]*\):[^#]*## \(.*\)/\1@\2/p' $(MAKEFILE_LIST) | awk -F@ '{printf "make %-10s %s\n", $$1, $$2}'

setup: $(STAMP)  ## make .venv with all that tests and book need (about 5 minutes, once)

$(STAMP): | constraints.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "biam needs Python 3.11 or newer, and $(PYTHON) is not. Try: make setup PYTHON=python3.11" >&2; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { \
	  echo "$(PYTHON) cannot make a virtual environment. On Debian or Ubuntu: apt-get install python3-venv" >&2; exit 1; }
	test -x $(BIN)/pip || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet "$(TORCH)" -c constraints.txt
	$(BIN)/python -m pip install --quiet -e ".[baselines,book,dev]" -c constraints.txt
	$(BIN)/python -m pip check
	@rm -f $(VENV)/.installed-*
	@touch $@

book: setup  ## build the book to _build/html (tables run afresh, PROFILE=smoke)
	$(BIN)/python book/render.py --out _build/source --profile $(PROFILE)
	rm -rf _build/html _build/.doctrees
	$(BIN)/jupyter-book build _build/source --path-output . -W -n --keep-going
	$(BIN)/python book/check_html.py _build/html

notebooks: setup  ## run all notebooks/*.py and store the .ipynb beside them
	$(BIN)/python book/render.py --write

test: lint unit nbval book  ## all checks: ruff, pytest, notebooks re-run and compared, book without a warning

lint: setup  ## ruff, check and format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

unit: setup  ## pytest alone
	$(BIN)/python -m pytest -n 2 tests

nbval: setup  ## re-run the stored notebooks whose data are here and compare outputs
	$(BIN)/python book/render.py --check
	@mkdir -p _build
	$(BIN)/python book/render.py --runnable > _build/runnable.txt
	test -s _build/runnable.txt
	$(BIN)/python -m pytest --nbval --nbval-current-env --nbval-cell-timeout 600 \
	  --nbval-sanitize-with book/nbval.cfg -o filterwarnings=default -p no:cacheprovider \
	  -n 2 --dist loadfile $$(cat _build/runnable.txt)

clean:  ## remove what was built, and .venv
	rm -rf _build $(VENV) .pytest_cache .ruff_cache .mypy_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
