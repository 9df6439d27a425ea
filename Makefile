# Two commands for a newcomer: `make demo` and `make test`. Both install what they need into .venv, nothing else is touched.

PYTHON ?= python3
BIN := .venv/bin
CORES ?= 2
RESULTS ?= results

.PHONY: demo view docs test test-long lint audit bench constraints clean

demo: .venv/installed
	$(BIN)/python -m snakemake --cores $(CORES)

view: .venv/installed-view
	$(BIN)/python workflow/view.py "$(RESULTS)"

docs: .venv/installed-docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict
	@echo "Open site/index.html."

test: .venv/installed-dev
	$(BIN)/python -m pytest -n 2 --dist loadgroup -m "not long"
	@echo "Not run here: the tests of tests/faults and tests/slurm that are marked long. make test-long runs them."

test-long: .venv/installed-dev
	$(BIN)/python -m pytest -n 2 --dist loadgroup -m long

lint: .venv/installed-dev audit
	$(BIN)/python -m ruff check .
	$(BIN)/python -m ruff format --check .
	$(BIN)/python -m mypy
	$(BIN)/snakefmt --check Snakefile workflow
	$(BIN)/python -m snakemake --lint

audit: .venv/installed-dev
	@if $(BIN)/python -c 'import urllib.request as web; web.urlopen("https://pypi.org/pypi/pip/json", timeout=10)' 2>/dev/null; \
	then $(BIN)/python -m pip_audit --requirement constraints.txt --no-deps --disable-pip --progress-spinner off; \
	else echo "Dependencies are not audited: pypi.org, which lists vulnerabilities, cannot be reached from here."; fi

bench: .venv/installed-dev
	$(BIN)/python benchmarks/speed.py

constraints: .venv/installed-dev
	{ echo "# Versions that are installed together; \`make constraints\` writes them anew."; \
		$(BIN)/python -m pip freeze --exclude-editable | sed 's/+cpu$$//'; } > constraints.txt.new
	mv constraints.txt.new constraints.txt

clean:
	rm -rf results .snakemake

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed; this is $$($(PYTHON) --version). Name another: make PYTHON=python3.12"; exit 1; }
	$(PYTHON) -m venv .venv

.venv/installed: .venv/bin/python pyproject.toml constraints.txt
	@echo "Installing into .venv; this takes some minutes once."
	$(BIN)/python -m pip install -qq --disable-pip-version-check --constraint constraints.txt torch --editable .
	@touch $@

.venv/installed-view: .venv/installed
	$(BIN)/python -m pip install -qq --disable-pip-version-check --constraint constraints.txt --editable '.[view]'
	@touch $@

.venv/installed-docs: .venv/installed
	$(BIN)/python -m pip install -qq --disable-pip-version-check --constraint constraints.txt --editable '.[docs]'
	@touch $@

.venv/installed-dev: .venv/installed
	$(BIN)/python -m pip install -qq --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	@touch $@
