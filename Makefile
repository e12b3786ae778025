# Two commands serve a newcomer: `make demo` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check

.PHONY: help demo test lint format bench lock wheel sbom clean programs

help:
	@echo "make demo   set up, then run the whole job once on sample data"
	@echo "make test   set up, then run every test"
	@echo "make lint   style, types, and which room may import which"
	@echo "make bench  speed and accuracy, as ratios in one run"
	@echo "make wheel  dist/*.whl, the same bytes from the same commit"
	@echo "make sbom   dist/warmlink.cdx.json, what it is made of (CycloneDX)"
	@echo "make lock   resolve requirements/*.txt anew, with hashes"

# A stamp per requirement set: pip runs again only when the set changed.
$(VENV)/base.stamp: requirements/base.txt requirements/build.txt pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Setting up $(VENV) (a minute or two the first time) ..."
	@$(PIP) --require-hashes -r requirements/base.txt -r requirements/build.txt
	@$(PIP) --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/dev.stamp: requirements/dev.txt $(VENV)/base.stamp
	@echo "Adding what the tests need ..."
	@$(PIP) --require-hashes -r requirements/dev.txt
	@touch $@

demo: $(VENV)/base.stamp
	@$(BIN)/warmlink demo

# A browser, a mail and token toolbox: what PyPI cannot bring. Installs them where it may, and says what is missing where not.
programs:
	@sh tests/programs.sh

test: $(VENV)/dev.stamp programs
	@$(BIN)/pytest -n 2

lint: $(VENV)/dev.stamp
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

format: $(VENV)/dev.stamp
	@$(BIN)/ruff check --fix-only .
	@$(BIN)/ruff format .

bench: $(VENV)/dev.stamp
	@for b in audit connectors consent matcher scale; do echo "== bench/$$b.py"; $(BIN)/python bench/$$b.py || exit 1; done

# The moment of the commit stands for the present, so that whoever builds it gets the same bytes.
wheel: $(VENV)/base.stamp
	@umask 022; SOURCE_DATE_EPOCH=$${SOURCE_DATE_EPOCH:-$$(git log -1 --format=%ct 2>/dev/null || echo 1767225600)} \
	  $(BIN)/python -m pip wheel --quiet --disable-pip-version-check --no-deps --no-build-isolation --wheel-dir dist . && sha256sum dist/*.whl

sbom: $(VENV)/dev.stamp
	@mkdir -p dist
	@$(BIN)/cyclonedx-py requirements requirements/base.txt --pyproject pyproject.toml --output-reproducible \
	  --of JSON -o dist/warmlink.cdx.json && echo dist/warmlink.cdx.json

# The tests' set is resolved first and holds the product's set to the same versions.
COMPILE := uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url --no-annotate
lock:
	$(COMPILE) -U pyproject.toml --extra dev -o requirements/dev.txt
	grep -v hash requirements/dev.txt | sed 's/ *\\$$//' > requirements/.pins
	$(COMPILE) pyproject.toml -c requirements/.pins -o requirements/base.txt
	echo hatchling | $(COMPILE) - -c requirements/.pins -o requirements/build.txt
	rm requirements/.pins

clean:
	rm -rf $(VENV) dist .demo .pytest_cache .mypy_cache .ruff_cache .hypothesis
