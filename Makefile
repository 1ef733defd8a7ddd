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
EXPERIMENTS_ARGS ?=

KERNEL_SOURCES := setup.py fastmlp/kernels/records.py $(wildcard fastmlp/kernels/native/*.pyx fastmlp/kernels/native/*.pxi fastmlp/kernels/native/*/*.pxi)
SANITIZED_BUILD := build/sanitized
SANITIZED_TESTS := $(wildcard tests/kernels/test_kernels*.py) tests/kernels/test_memory.py tests/kernels/test_csr.py \
    tests/kernels/test_fuzz.py tests/words/test_batched.py
THREADED_TESTS := tests/kernels/test_kernels_control.py tests/kernels/test_kernels_halves.py tests/network/test_threads.py
LOWEST_BUILD := build/lowest
LOWEST_TESTS := network mlp parity_sklearn estimator_checks perceptron model_selection many callbacks dask \
    noise batched saving datasets plots graph_drawing kernels_contract kernels_functions kernels_train

.PHONY: help demo test lowest fuzz stats experiments outside build bench lint format docs sanitize clean
.DEFAULT_GOAL := help

help:  ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo "  PYTHON=python3.12 chooses the interpreter (3.11 or newer), PYTEST_ARGS, FUZZ_ARGS, STATS_ARGS, BENCH_ARGS and DEMO_ARGS pass options on."

demo: $(or $(wildcard $(VENV)/stamp-build),$(VENV)/stamp-demo)  ## train on handwritten digits; writes pictures and the model to demo-output
	$(PY) -m fastmlp demo $(DEMO_ARGS)

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

fuzz: $(VENV)/stamp-build  ## random trainings against the oracle and across backends, and broken model files, for minutes
	$(PY) -m tests.fuzz $(FUZZ_ARGS)

stats: $(VENV)/stamp-build  ## judge 10^8 values of Gaussian noise: distribution, tails, independence
	$(PY) -m tests.stats $(STATS_ARGS)

experiments: $(VENV)/stamp-build  ## run every experiment in a few minutes, and check what comes out
	$(PY) -m fastmlp experiment all $(EXPERIMENTS_ARGS)

outside: $(VENV)/stamp-build  ## run scikit-learn's own tests of its perceptrons against our estimators
	PYTHONPATH=tests/outside $(PY) -m pytest -c /dev/null -rs -p skl_shim \
	    --pyargs sklearn.neural_network.tests.test_mlp sklearn.linear_model.tests.test_perceptron \
	    -p no:cacheprovider $(PYTEST_ARGS)

build: $(VENV)/stamp-build  ## compile the kernels in place

bench: $(VENV)/stamp-build $(VENV)-bench/stamp  ## measure the speed against NumPy, scikit-learn, PyTorch, JAX, onnxruntime and FANN
	$(VENV)-bench/bin/python -m bench $(BENCH_ARGS)

lint: $(VENV)/stamp-lint  ## ruff, cython-lint and mypy
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	PATH="$(abspath $(VENV)/bin):$$PATH" cython-lint fastmlp
	$(VENV)/bin/mypy

format: $(VENV)/stamp-lint  ## let ruff format the Python files
	$(VENV)/bin/ruff format .
	$(VENV)/bin/ruff check --fix .

docs: $(VENV)/stamp-docs  ## build the documentation, with every example run, into docs/_build/html; warnings are errors
	$(VENV)/bin/sphinx-build -q -W --keep-going -b html docs docs/_build/html
	@echo "docs/_build/html/index.html"

# Only the extensions are built with sanitizers: what Python and NumPy do is not looked at. A report ends the process,
# so pytest must not hold back what is written to stderr. $(call sanitized,kind,libraries,which tests,files)
sanitize: $(VENV)/stamp-build  ## the kernel tests on builds that end at bad memory, undefined behaviour or a race
	$(call sanitized,address,asan ubsan,not numba and not numpy,$(SANITIZED_TESTS))
	$(call sanitized,thread,tsan,thread and not fork and not processes and not flat and not numba and not numpy,$(THREADED_TESTS))

sanitized = FASTMLP_SANITIZE=$(1) FASTMLP_REQUIRE_EXT=1 FASTMLP_LEVELS=native $(PY) setup.py -q build \
	    --build-base $(SANITIZED_BUILD)/$(1) --build-lib $(SANITIZED_BUILD)/$(1)/lib && \
	cd $(SANITIZED_BUILD)/$(1) && export PYTHONPATH="$$PWD/lib" \
	    ASAN_OPTIONS=detect_leaks=0:allocator_may_return_null=1 UBSAN_OPTIONS=print_stacktrace=1 \
	    TSAN_OPTIONS=ignore_noninstrumented_modules=1:halt_on_error=1 \
	    LD_PRELOAD="$(foreach library,$(2),$$($(CC) -print-file-name=lib$(library).so))" && \
	$(abspath $(PY)) -P -c 'import os, fastmlp; assert fastmlp.__file__.startswith(os.environ["PYTHONPATH"])' && \
	$(abspath $(PY)) -P -m pytest -c $(abspath pyproject.toml) --rootdir . --capture=sys -k '$(3)' $(abspath $(4)) \
	    $(PYTEST_ARGS)

clean:  ## remove everything that make created, .venv too
	rm -rf $(VENV) $(VENV)-bench $(VENV)-lowest build dist demo-output experiment-output docs/_build docs/gallery docs/api/generated *.egg-info .pytest_cache .ruff_cache .mypy_cache
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

# The demo's first run is short: only what it needs is installed, and only the best kernels for this CPU are compiled.
best_level := $(shell cat /proc/cpuinfo 2>/dev/null | awk '/avx512vl/ { v4 = 1 } / avx2 / { v3 = 1 } \
    END { print v4 ? "avx512" : v3 ? "avx2" : "native" }')

$(VENV)/stamp-demo: $(VENV)/stamp-venv $(KERNEL_SOURCES)
	@echo "installing fastmlp into $(VENV) and compiling its kernels; this takes a minute or two the first time"
	FASTMLP_LEVELS=$(best_level) $(PY) -m pip install -q --no-build-isolation -e '.[plot,data,progress]'
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
