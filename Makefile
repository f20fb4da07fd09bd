# Everything a person does with the project. Needs Python ≥ 3.11 and make; the rest it installs into .venv.

MARKET ?= data/king_county
MODELS ?= models
PORT   ?= 8000
SEED   ?= 0
TRIALS ?= 40

# The first Python on the machine that is new enough.
PYTHON ?= $(shell for python in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$python && break; done)

VENV := .venv
BIN := $(VENV)/bin
MARKET_FILE := $(if $(wildcard $(MARKET)/market.toml),$(MARKET)/market.toml,$(MARKET))
MODEL := $(MODELS)/$(shell sed -n "s/^name *= *[\"']\([A-Za-z0-9_.-]*\)[\"'].*/\1/p" $(MARKET_FILE) 2>/dev/null | head -n 1)

.DEFAULT_GOAL := help
.PHONY: help train tune serve test test-slow nginx test-browser chromium bench bench-accuracy bench-screening examples picture lint types lock clean
.DELETE_ON_ERROR:

help:  ## What can be made
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1\t\2/p' $(MAKEFILE_LIST) | expand -t 16

train: $(VENV)/runtime  ## Train, evaluate on held-out sales, save a version, publish it [MARKET=… SEED=…]
	$(BIN)/python -m estimator train --market $(MARKET) --models $(MODELS) --seed $(SEED)

tune: $(VENV)/tune  ## Search the network's settings for `train`; stopped, it goes on later [MARKET=… SEED=… TRIALS=40]
	$(BIN)/python -m estimator tune --market $(MARKET) --seed $(SEED) --trials $(TRIALS)

# exec: a SIGTERM to make then reaches the server, which finishes what is in flight.
serve: $(VENV)/runtime | $(MODEL)/current  ## Value homes over HTTP, training first if nothing is published [PORT=8000]
	@exec env ESTIMATOR_MODEL=$(MODEL) ESTIMATOR_PORT=$(PORT) $(BIN)/python -m service

# A file's tests share models that they train, so a worker takes whole files. Each trains its own: more than four
# workers would mostly repeat work.
test: $(VENV)/dev  ## The tests, in some minutes
	$(BIN)/python -m pytest -n auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder

# A test may take four times as long as a fast one before it is taken for hung.
test-slow: $(VENV)/oracles $(VENV)/peers nginx  ## The long tests, and those against PyTorch, scikit-learn, boosters … (large downloads)
	$(BIN)/python -m pytest -m slow --timeout 1200

# The tests of what ships for production put the real one in front of the server.
nginx:
	test -x /usr/sbin/nginx || (apt-get update && apt-get install --yes --no-install-recommends nginx-light) \
		|| echo "there is no nginx, and its tests are skipped" >&2

test-browser: chromium  ## The page in real Chromium, which is installed if there is none
	$(BIN)/python -m pytest -m browser tests/browser

chromium: $(VENV)/browser
	command -v chromium >/dev/null || (apt-get update && apt-get install --yes --no-install-recommends chromium) \
		|| $(BIN)/playwright install --with-deps chromium

bench: $(VENV)/oracles $(VENV)/peers chromium | $(MODEL)/current  ## The speed of network, price model, service and page, beside what people would reach for
	$(BIN)/python -m benchmarks.network
	$(BIN)/python -m benchmarks.price_model
	$(BIN)/python -m benchmarks.stability
	$(BIN)/python -m benchmarks.service --model $(MODEL)
	$(BIN)/python -m benchmarks.page_speed --model $(MODEL)

bench-accuracy: $(VENV)/peers  ## The price model's accuracy beside its peers' (many hours; goes on where it stopped)
	$(BIN)/python -m benchmarks.accuracy run
	$(BIN)/python -m benchmarks.accuracy table

bench-screening: $(VENV)/dev  ## The screening on simulated markets, and on homes that were sold twice
	$(BIN)/python -m benchmarks.screening

examples: $(VENV)/oracles  ## The textbook's networks, as pictures in .cache/examples
	$(BIN)/python -m estimator.network.examples .cache/examples

picture: $(VENV)/oracles | $(MODEL)/current  ## The README's picture, from the published model
	$(BIN)/python -m benchmarks.picture $(MODEL) $(MARKET)

lint: $(VENV)/dev  ## Style, and the rooms' imports
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

types: $(VENV)/dev  ## Types, strictly
	$(BIN)/mypy

lock: $(VENV)/dev  ## Pin the newest versions that fit pyproject.toml
	$(BIN)/pip install --quiet uv
	$(BIN)/uv pip compile $(UV_LOCK) --generate-hashes -o requirements.lock
	$(BIN)/uv pip compile $(UV_LOCK) --generate-hashes --group dev -o requirements-dev.lock
	$(BIN)/uv pip compile $(UV_LOCK) --constraint requirements-dev.lock \
		--generate-hashes --group dev --group browser -o requirements-browser.lock
	$(BIN)/uv pip compile $(UV_LOCK) --constraint requirements-dev.lock \
		--group dev --group examples --group oracles -o requirements-oracles.lock
	$(BIN)/uv pip compile $(UV_LOCK) --constraint requirements-oracles.lock --group peers -o requirements-peers.lock
	$(BIN)/uv pip compile $(UV_LOCK) --constraint requirements-peers.lock \
		--generate-hashes --extra tune -o requirements-tune.lock
	sed -i.old -E '/^(cuda|nvidia|triton)/d' requirements-oracles.lock requirements-peers.lock
	rm requirements-oracles.lock.old requirements-peers.lock.old

# Universal: one file for every system and Python from 3.11 on.
UV_LOCK := --quiet --upgrade --universal --python-version 3.11 --no-header --no-annotate pyproject.toml

clean:  ## Remove what was installed and cached; saved models stay
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache

$(MODEL)/current: | $(VENV)/runtime
	$(MAKE) train

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "make: no Python ≥ 3.11 was found; name one with PYTHON=…" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/runtime: requirements.lock | $(BIN)/python
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@touch $@

$(VENV)/dev: requirements-dev.lock | $(BIN)/python
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@touch $@

$(VENV)/browser: requirements-browser.lock | $(BIN)/python
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-browser.lock
	@touch $@

$(VENV)/tune: requirements-tune.lock | $(BIN)/python
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-tune.lock
	@touch $@

$(VENV)/oracles: requirements-oracles.lock | $(BIN)/python
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements-oracles.lock
	@touch $@

$(VENV)/peers: requirements-peers.lock | $(BIN)/python
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements-peers.lock
	@touch $@
