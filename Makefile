# Two commands matter: `make book` and `make test`. Each does everything on a fresh machine
# with Python >= 3.11, pip, git and make, and the second time only what changed.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
CH ?= foundations/introduction
PROFILE ?= book
PORT ?= 8000
BUILD := _build
# One thread a process: the notebooks run two at a time, and two threads on a shared core are slower than one.
export OMP_NUM_THREADS ?= 1
export TOKENIZERS_PARALLELISM := false

.PHONY: help setup data book test test-unit test-book lint chapter outputs serve video clean distclean
help:            ## what each command does
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

setup: $(VENV)/.installed   ## create the environment with the locked versions
$(VENV)/.installed: pyproject.toml requirements.lock
	@echo "== [setup] creating $(VENV) with $$($(PYTHON) --version) and installing the locked versions"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "This book needs Python 3.11 or newer: make PYTHON=python3.12 ...")'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	@UV_FIND_LINKS="$(PIP_FIND_LINKS)" $(BIN)/uv pip install --compile-bytecode --python $(BIN)/python -c requirements.lock -e '.[book,test]'
	@touch $@

data: $(VENV)/.data         ## fetch and verify the data and the encoder (then everything works offline)
$(VENV)/.data: $(VENV)/.installed recsys_book/data/registry.json
	@echo "== [data] fetching and verifying MovieLens-100K and the encoder"
	@$(BIN)/recsys-book data
	@touch $@

book: setup data            ## build the HTML; prints the path to open
	@echo "== [book] building the HTML from the outputs stored in the notebooks"
	@$(BIN)/recsys-book build

test: setup data            ## unit tests, then every notebook with its outputs compared
	@echo "== [test 1/2] the package"
	@$(BIN)/python -m pytest -q -n 2 --dist loadfile tests
	@echo "== [test 2/2] the notebooks, two at a time, every output compared"
	@$(BIN)/recsys-book check --jobs 2

test-unit: setup data       ## the package only, with coverage
	@$(BIN)/python -m pytest -q -n 2 --dist loadfile --cov=recsys_book --cov-report=term-missing:skip-covered tests

lint: setup                 ## style and dead code
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check recsys_book tests benchmarks _ext

chapter: setup data         ## run one chapter: make chapter CH=foundations/cleaning PROFILE=smoke
	@$(BIN)/recsys-book run $(CH) --profile $(PROFILE)

outputs: setup data         ## make the committed outputs of a chapter again (CH=all for every one)
	@$(BIN)/recsys-book refresh $(CH)

serve: book                 ## read the book at http://127.0.0.1:8000
	@$(BIN)/python -m http.server $(PORT) --bind 127.0.0.1 -d $(BUILD)/html

video: setup data           ## serve the video case study: web page, model and Redis (PORT=8080)
	@$(BIN)/recsys-book serve --port $(if $(filter 8000,$(PORT)),8080,$(PORT))

clean:                      ## remove what was built (the environment and the data cache stay)
	rm -rf $(BUILD) .pytest_cache .ruff_cache .hypothesis .coverage *.egg-info

distclean: clean            ## remove the environment too
	rm -rf $(VENV)
