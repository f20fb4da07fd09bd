# Everything you do with the project. Needs Python 3.11 or newer and make; everything else is installed into .venv.

MARKET ?= data/king_county
MODELS ?= models
PORT   ?= 8000
SEED   ?= 0
TRIALS ?= 40

# The first Python on this machine that is new enough.
PYTHON ?= $(shell for python in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$python && break; done)

VENV := .venv
BIN := $(VENV)/bin
MARKET_FILE := $(if $(wildcard $(MARKET)/market.toml),$(MARKET)/market.toml,$(MARKET))
MODEL := $(MODELS)/$(shell sed -n "s/^name *= *[\"']\([A-Za-z0-9_.-]*\)[\"'].*/\1/p" $(MARKET_FILE) 2>/dev/null | head -n 1)

.DEFAULT_GOAL := help
.PHONY: help train tune serve test test-fast test-slow test-engines nginx test-browser chromium bench bench-accuracy bench-screening bench-bulk bench-load image examples picture lint types lock clean
.DELETE_ON_ERROR:

help:  ## List the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1\t\2/p' $(MAKEFILE_LIST) | expand -t 18

train: $(VENV)/runtime  ## Train, evaluate on test sales, save a version, publish it if it passes the gate [MARKET=… SEED=…]
	$(BIN)/house-price train --market $(MARKET) --models $(MODELS) --seed $(SEED)

tune: $(VENV)/tune  ## Search better network settings for a market; continues where it stopped [MARKET=… SEED=… TRIALS=40]
	$(BIN)/house-price tune --market $(MARKET) --seed $(SEED) --trials $(TRIALS)

# exec: a SIGTERM sent to make then reaches the server, which finishes the requests in flight.
serve: $(VENV)/runtime | $(MODEL)/current  ## Serve over HTTP; trains first if nothing is published [MARKET=… PORT=8000]
	@exec env ESTIMATOR_MODEL=$(MODEL) ESTIMATOR_PORT=$(PORT) $(BIN)/house-price serve

# --dist loadfile: the tests of a file share the models they train, so a worker takes whole files. Each worker trains
# its own models: more than four workers would mostly repeat work.
PYTEST := $(BIN)/python -m pytest
PARALLEL := -n auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder

test: $(VENV)/dev  ## The tests (minutes)
	$(PYTEST) $(PARALLEL)

test-fast: $(VENV)/dev  ## The tests that train no model, for every save (under a minute)
	$(PYTEST) $(PARALLEL) -m "not slow and not browser and not training"

# A slow test may take four times as long as another one before it counts as hung. Those of the service measure how fast
# it answers, so they run alone.
test-slow: $(VENV)/oracles $(VENV)/peers $(VENV)/cluster nginx  ## The long tests, and comparisons with PyTorch, scikit-learn, boosters (large downloads)
	$(PYTEST) -m slow --timeout 1200 $(PARALLEL) --ignore tests/service
	$(PYTEST) -m slow --timeout 1200 tests/service

# Apart from the slow tests, since Spark and Ray are downloads of 700 MB; Spark needs Java.
test-engines: $(VENV)/engines  ## The examples for Dask, Spark and Ray with the real engines (large downloads)
	$(PYTEST) -m slow tests/bulk/test_engines.py

# The tests of deploy/ start a real nginx in front of the server.
nginx:
	test -x /usr/sbin/nginx || (apt-get update && apt-get install --yes --no-install-recommends nginx-light) \
		|| echo "nginx is not installed: its tests are skipped" >&2

test-browser: chromium  ## The web page in real Chromium, which is installed if missing
	$(PYTEST) -m browser tests/browser

chromium: $(VENV)/browser
	command -v chromium >/dev/null || (apt-get update && apt-get install --yes --no-install-recommends chromium) \
		|| $(BIN)/playwright install --with-deps chromium

bench: $(VENV)/oracles $(VENV)/peers chromium | $(MODEL)/current  ## Speed of network, price model, service and page compared with other libraries
	$(BIN)/python -m benchmarks.network
	$(BIN)/python -m benchmarks.price_model
	$(BIN)/python -m benchmarks.stability
	$(BIN)/python -m benchmarks.service --model $(MODEL)
	$(BIN)/python -m benchmarks.request_costs --model $(MODEL)
	$(BIN)/python -m benchmarks.page_speed --model $(MODEL)
	$(BIN)/python -m benchmarks.speed --model $(MODEL) --write

bench-accuracy: $(VENV)/peers  ## Accuracy of the price model compared with other models (many hours; continues where it stopped)
	$(BIN)/python -m benchmarks.accuracy run
	$(BIN)/python -m benchmarks.accuracy table

bench-screening: $(VENV)/dev  ## The screening on simulated markets and on homes sold twice
	$(BIN)/python -m benchmarks.screening

bench-bulk: $(VENV)/peers $(VENV)/engines | $(MODEL)/current  ## A file of a million homes compared with LightGBM, killed runs, Dask, Spark, Ray (half an hour)
	$(BIN)/python -m benchmarks.bulk --model $(MODEL) --engines --write

bench-load: $(VENV)/dev | $(MODEL)/current  ## Half an hour of mixed load on a real server, a tenth of it hostile
	$(BIN)/python -m benchmarks.load --model $(MODEL)

image:  ## Build the container image (needs Docker)
	docker build --file deploy/Dockerfile --tag house-price-estimator .

examples: $(VENV)/oracles  ## Train the textbook networks and draw them in .cache/examples (about a minute)
	$(BIN)/python -m estimator.network.examples .cache/examples

picture: $(VENV)/oracles  ## Train a model and draw the README's picture of errors
	$(BIN)/python -m benchmarks.picture $(MARKET)

lint: $(VENV)/dev  ## Style and import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/hadolint deploy/Dockerfile

types: $(VENV)/dev  ## Types, strictly
	$(BIN)/mypy

lock: $(VENV)/dev  ## Pin the newest versions that pyproject.toml allows
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
	$(BIN)/uv pip compile $(UV_LOCK) --constraint requirements-dev.lock --constraint requirements-peers.lock \
		--generate-hashes --extra dask --extra mlflow -o requirements-cluster.lock
	$(BIN)/uv pip compile $(UV_LOCK) --constraint requirements-dev.lock --constraint requirements-cluster.lock \
		--generate-hashes --extra dask --extra mlflow --group engines -o requirements-engines.lock
	sed -i.old -E '/^(cuda|nvidia|triton)/d' requirements-oracles.lock requirements-peers.lock
	rm requirements-oracles.lock.old requirements-peers.lock.old

# --universal: one lock file for every system and every Python from 3.11 on.
UV_LOCK := --quiet --upgrade --universal --python-version 3.11 --no-header --no-annotate pyproject.toml

clean:  ## Remove installed and cached files; saved models stay
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache

# A version that was saved and not published did not pass the gate: the next command then says why.
$(MODEL)/current: | $(VENV)/runtime
	@test -n "$(wildcard $(MODEL)/*/manifest.json)" || $(MAKE) train

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "make: no Python 3.11 or newer was found; name one with PYTHON=…" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

# The project itself, editable, for the command `house-price`; the lock files below install what it needs.
$(VENV)/project: pyproject.toml | $(BIN)/python
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --editable .
	@touch $@

PIP_INSTALL := $(BIN)/pip install --quiet --disable-pip-version-check

$(VENV)/runtime $(VENV)/dev $(VENV)/browser $(VENV)/tune $(VENV)/cluster $(VENV)/engines: | $(VENV)/project

$(VENV)/runtime: requirements.lock
	$(PIP_INSTALL) --require-hashes -r $<
	@touch $@

$(VENV)/dev $(VENV)/browser $(VENV)/tune $(VENV)/cluster $(VENV)/engines: $(VENV)/%: requirements-%.lock
	$(PIP_INSTALL) --require-hashes -r $<
	@touch $@

# Without hashes: PyTorch's CPU wheel and its CUDA wheel share a version but not a hash.
$(VENV)/oracles $(VENV)/peers: $(VENV)/%: requirements-%.lock | $(VENV)/project
	$(PIP_INSTALL) -r $<
	@touch $@
