# `make test` and `make demo` set up all they need: a virtual environment in $(VENV), made once with $(PYTHON) and filled
# again when pyproject.toml changes. Several Pythons live side by side: make test PYTHON=python3.13 VENV=.venv-3.13

PYTHON ?= python3
VENV ?= .venv

python := $(VENV)/bin/python
install := $(python) -m pip install --quiet --disable-pip-version-check

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo picture pictures test test-servers docs lint bench bench-quick bench-report setup clean

help: ## say what there is
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/make \1 \t\2/p' Makefile

demo: $(VENV)/.demo-installed ## run the demo: a slixmpp component behind the layers, no network (ARGS=--help)
	@PYTHONPATH=docs $(python) -m demo $(ARGS)

picture: $(VENV)/.demo-installed ## draw what the demo shows, for the README: docs/images/demo.svg
	@PYTHONPATH=docs $(python) -m demo --picture docs/images/demo.svg

test: $(VENV)/.dev-installed ## run the tests and every example of the documentation, with coverage
	@$(python) -m pytest --cov --cov-report=term --numprocesses auto --dist loadfile

# What looks for barriers on the page (https://github.com/dequelabs/axe-core).
axe := build/axe/package/axe.min.js

$(axe):
	@mkdir -p build/axe
	@cd build/axe && npm pack --silent axe-core@4.14 >/dev/null && tar -xzf axe-core-4.14.*.tgz

test-servers: $(VENV)/.dev-installed ## run the tests in a browser, and against real servers, of Debian; four minutes
	@tests/install-servers
	@$(MAKE) --no-print-directory $(axe)
	@TEST_SERVERS=1 AXE=$(axe) $(python) -m pytest -p tests.no_skips tests/servers tests/browser

pictures: $(VENV)/.dev-installed ## take the pictures of the page for the README and the docs, with Chromium
	@tests/install-servers
	@TEST_SERVERS=1 SCREENSHOTS=docs/images $(python) -m pytest tests/browser/test_pictures.py

docs: $(VENV)/.dev-installed ## build the documentation into build/docs, warnings as errors, no network
	@$(python) -m sphinx --builder html --fail-on-warning --keep-going --nitpicky --quiet docs build/docs
	@echo "Built build/docs/index.html"

lint: $(VENV)/.dev-installed ## check style, types and who imports what
	$(python) -m ruff check
	$(python) -m ruff format --check
	$(python) -m mypy --strict
	@# the code has branches by version, and mypy looks at one of them only
	$(python) -m mypy --strict --python-version 3.14
	$(VENV)/bin/lint-imports

# The packages that ours is measured against are in an environment of their own: slixmpp does more if it finds aiohttp.
bench: ## measure what calls cost, on every Python found; writes tables and pictures into docs; under ten minutes
	@$(MAKE) --no-print-directory $(VENV)-bench/.bench-installed VENV=$(VENV)-bench
	@$(VENV)-bench/bin/python benchmarks/bench.py $(ARGS)

bench-quick: ## the same in half a minute, on one Python, roughly; writes nothing
	@$(MAKE) --no-print-directory $(VENV)-bench/.bench-installed VENV=$(VENV)-bench
	@$(VENV)-bench/bin/python benchmarks/bench.py --quick $(ARGS)

bench-report: ## write the tables and pictures again, of benchmarks/results.json
	@$(MAKE) --no-print-directory $(VENV)-bench/.bench-installed VENV=$(VENV)-bench
	@PYTHONPATH=benchmarks $(VENV)-bench/bin/python -m report.page

setup: $(VENV)/.dev-installed ## make the virtual environment, with all that development needs

clean: ## remove what was made here, virtual environments included
	rm -rf .venv*/ build/ dist/ .coverage* .hypothesis/ .*_cache/
	find src middleware tests docs benchmarks -name __pycache__ -prune -exec rm -rf {} +

# A broken link is no file to make: an environment whose Python is gone is made afresh, and loses its stamps.
$(python):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "Python 3.11 or newer is needed, and $(PYTHON) is $$($(PYTHON) --version 2>&1)." >&2; \
		echo "Name another one: make $(MAKECMDGOALS) PYTHON=python3.11" >&2; exit 1; }
	@echo "Making $(VENV) with $$($(PYTHON) --version)"
	@$(PYTHON) -m venv --clear $(VENV) || { rm -rf $(VENV); exit 1; }

$(VENV)/.demo-installed: pyproject.toml | $(python)
	@echo "Installing what the demo needs into $(VENV)"
	@$(install) --editable '.[demo]'
	@touch $@

$(VENV)/.dev-installed: pyproject.toml | $(python)
	@echo "Installing what development needs into $(VENV)"
	@$(install) --editable '.[dev]'
	@touch $(VENV)/.demo-installed $@

$(VENV)/.bench-installed: pyproject.toml | $(python)
	@echo "Installing what the benchmarks need into $(VENV)"
	@$(install) --editable '.[bench]'
	@touch $@
