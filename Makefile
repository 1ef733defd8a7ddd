# Every verb sets up what it needs in .venv; a second run finds it done. `make help` lists the verbs.
PYTHON ?= python3
VENV ?= .venv
PY := $(VENV)/bin/python
SHELL := /bin/sh

PYTEST_ARGS ?=
BENCH_ARGS ?=
DEMO_ARGS ?=
STATS_ARGS ?=
FUZZ_ARGS ?=

KERNEL_SOURCES := setup.py fastmlp/kernels/records.py $(wildcard fastmlp/kernels/native/*.pyx fastmlp/kernels/native/*.pxi fastmlp/kernels/native/*/*.pxi)
DEBUG_BUILD := build/debug
LOWEST_BUILD := build/lowest
LOWEST_TESTS := network mlp parity_sklearn estimator_checks perceptron model_selection many callbacks dask \
    noise batched saving datasets plots graph_drawing kernels_contract kernels_functions kernels_train

.PHONY: help demo test lowest fuzz stats outside build bench lint format docs debug clean
.DEFAULT_GOAL := help

help:  ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo "  PYTHON=python3.12 chooses the interpreter (3.11 or newer), PYTEST_ARGS, FUZZ_ARGS, STATS_ARGS, BENCH_ARGS and DEMO_ARGS pass options on."

demo: $(VENV)/stamp-build  ## train on handwritten digits; writes pictures and the model to demo-output
	$(PY) examples/digits_demo.py $(DEMO_ARGS)

test: $(VENV)/stamp-build  ## run the tests
	$(PY) -m pytest $(PYTEST_ARGS)

lowest: $(VENV)/stamp-venv  ## the tests with the lowest versions that pyproject.toml allows, compiled by the lowest ones too
	rm -rf $(LOWEST_BUILD) $(VENV)-lowest && mkdir -p $(LOWEST_BUILD)
	FASTMLP_LEVELS=base $(PY) setup.py -q sdist --dist-dir $(LOWEST_BUILD)
	$(PYTHON) -m venv $(VENV)-lowest
	$(PY) .ci/lowest.py build > $(LOWEST_BUILD)/requires.txt
	$(VENV)-lowest/bin/python -m pip install -q wheel -r $(LOWEST_BUILD)/requires.txt
	FASTMLP_LEVELS=base FASTMLP_REQUIRE_EXT=1 $(VENV)-lowest/bin/python -m pip wheel -q --no-build-isolation \
	    --no-deps -w $(LOWEST_BUILD) $(LOWEST_BUILD)/fastmlp-*.tar.gz
	$(PY) .ci/lowest.py run > $(LOWEST_BUILD)/requires.txt
	$(VENV)-lowest/bin/python -m pip install -q -r $(LOWEST_BUILD)/requires.txt $(LOWEST_BUILD)/fastmlp-*.whl
	cd $(LOWEST_BUILD) && $(abspath $(VENV))-lowest/bin/python -P -m pytest -c ../../pyproject.toml --rootdir . \
	    -W ignore::DeprecationWarning $(LOWEST_TESTS:%=../../tests/*/test_%.py) $(PYTEST_ARGS)

fuzz: $(VENV)/stamp-build  ## random trainings against the oracle and across backends, for minutes
	$(PY) -m tests.fuzz $(FUZZ_ARGS)

stats: $(VENV)/stamp-build  ## judge 10^8 values of Gaussian noise: distribution, tails, independence
	$(PY) -m tests.stats $(STATS_ARGS)

outside: $(VENV)/stamp-build  ## run scikit-learn's own tests of its perceptrons against our estimators
	PYTHONPATH=tests/outside $(PY) -m pytest -c /dev/null -rs -p skl_shim \
	    --pyargs sklearn.neural_network.tests.test_mlp sklearn.linear_model.tests.test_perceptron \
	    -p no:cacheprovider $(PYTEST_ARGS)

build: $(VENV)/stamp-build  ## compile the kernels in place

bench: $(VENV)/stamp-build $(VENV)-bench/stamp  ## measure the speed against NumPy, scikit-learn, PyTorch and JAX
	$(VENV)-bench/bin/python -m bench $(BENCH_ARGS)

lint: $(VENV)/stamp-lint  ## ruff, cython-lint and mypy
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	PATH="$(abspath $(VENV)/bin):$$PATH" cython-lint fastmlp
	$(VENV)/bin/mypy

format: $(VENV)/stamp-lint  ## let ruff format the Python files
	$(VENV)/bin/ruff format .
	$(VENV)/bin/ruff check --fix .

docs: $(VENV)/stamp-docs  ## build the documentation into docs/_build/html
	$(VENV)/bin/sphinx-build -q -b html docs docs/_build/html
	@echo "docs/_build/html/index.html"

debug: $(VENV)/stamp-build  ## build with bounds checks, apart from the normal build, and run the kernel tests on it
	FASTMLP_DEBUG=1 FASTMLP_REQUIRE_EXT=1 $(PY) setup.py -q build --build-base $(DEBUG_BUILD) --build-lib $(DEBUG_BUILD)/lib
	cd $(DEBUG_BUILD) && export PYTHONPATH="$$PWD/lib" ASAN_OPTIONS=detect_leaks=0 \
	    LD_PRELOAD="$$($(CC) -print-file-name=libasan.so)" && \
	    $(abspath $(PY)) -P -c 'import os, fastmlp; assert fastmlp.__file__.startswith(os.environ["PYTHONPATH"])' && \
	    $(abspath $(PY)) -P -m pytest -c ../../pyproject.toml --rootdir . ../../tests/kernels/test_kernels*.py \
	        ../../tests/words/test_batched.py $(PYTEST_ARGS)

clean:  ## remove everything that make created, .venv too
	rm -rf $(VENV) $(VENV)-bench $(VENV)-lowest build dist demo-output docs/_build *.egg-info .pytest_cache .ruff_cache .mypy_cache
	find fastmlp -name '*.so' -delete
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# What `pyproject.toml` asks for: $(call required,["build-system"]["requires"]) prints a list of requirements.
required = $(PY) -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))$(1), sep="\n")'

$(VENV)/stamp-venv: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	    echo "fastmlp needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) --version 2>&1). Name one: make PYTHON=python3.12 $(MAKECMDGOALS)"; \
	    exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(call required,["build-system"]["requires"]) > $(VENV)/requires.txt
	$(PY) -m pip install -q -r $(VENV)/requires.txt
	@touch $@

# Without build isolation: what Cython has translated stays in build, and only what changed is translated again.
$(VENV)/stamp-build: $(VENV)/stamp-venv $(KERNEL_SOURCES)
	@echo "installing fastmlp into $(VENV) and compiling its kernels; this takes a few minutes the first time"
	$(PY) -m pip install -q --no-build-isolation -e '.[test]'
	@touch $@

# The peers stay out of the project's own environment; they find fastmlp, built in place, in this folder.
$(VENV)-bench/stamp: bench/requirements.txt
	$(PYTHON) -m venv $(VENV)-bench
	$(VENV)-bench/bin/python -m pip install -q -r bench/requirements.txt
	@touch $@

$(VENV)/stamp-lint: $(VENV)/stamp-build
	$(call required,["project"]["optional-dependencies"]["lint"]) > $(VENV)/requires.txt
	$(PY) -m pip install -q -r $(VENV)/requires.txt
	@touch $@

$(VENV)/stamp-docs: $(VENV)/stamp-build
	$(call required,["project"]["optional-dependencies"]["docs"]) > $(VENV)/requires.txt
	$(PY) -m pip install -q -r $(VENV)/requires.txt
	@touch $@
