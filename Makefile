# `make` or `make help` lists what there is. Python 3.11.4+ is all a new machine needs.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
LOCK := requirements.lock
# Behind `harness standin -- make …` the proxy is AWS on loopback, which is no way to packages.
DIRECT := $(if $(filter $(HTTPS_PROXY),$(AWS_ENDPOINT_URL)),env -u HTTPS_PROXY -u https_proxy)
# pip's cache and progress bar stay; its notices do not belong in anybody's log.
PIP := $(DIRECT) $(BIN)/python -m pip --disable-pip-version-check
RUN_STAMP := $(VENV)/.run
CONTAINER_STAMP := $(VENV)/.container
LOCALMODE := $(VENV)/localmode
LOCALMODE_STAMP := $(LOCALMODE)/.run
LOCALMODE_DEV_STAMP := $(LOCALMODE)/.dev
REMOTE_STAMP := $(VENV)/.remote
DEV_STAMP := $(VENV)/.dev
IN_PARALLEL := --numprocesses 2 --dist worksteal

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help lab stop data image oracles test test-suite test-fast test-localmode lint format bench lock clean

help: ## List the targets
	@awk 'BEGIN {FS = ":.*## "} /^[a-zA-Z_%-]+:.*## / {sub(/%/, "TARGET", $$1); printf "  %-20s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo; echo "  TARGET is local, container, localmode or remote, as in make local-train"

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11, 4) else "Python 3.11.4 or newer is needed (tar archives unpack safely only from there on), this is " + sys.version.split()[0] + "; try: make PYTHON=python3.12 $(MAKECMDGOALS)")'
	$(PYTHON) -m venv $(VENV)

$(RUN_STAMP): $(BIN)/python pyproject.toml $(LOCK)
	@echo 'Packages are installed into $(VENV); the first time this takes a minute.' >&2
	$(PIP) install -qq --constraint $(LOCK) --editable '.[entry,serve]'
	@touch $@

$(CONTAINER_STAMP): $(RUN_STAMP)
	$(PIP) install -qq --constraint $(LOCK) --editable '.[container]'
	@touch $@

# SDK v2 wants older packages than the lock has, so it gets an environment of its own.
$(LOCALMODE_STAMP): $(BIN)/python pyproject.toml
	$(PYTHON) -m venv $(LOCALMODE)
	$(LOCALMODE)/bin/python -m pip --disable-pip-version-check install -qq --editable '.[entry,serve,localmode]'
	@touch $@

$(LOCALMODE_DEV_STAMP): $(LOCALMODE_STAMP)
	$(LOCALMODE)/bin/python -m pip --disable-pip-version-check install -qq --editable '.[dev,localmode]'
	@touch $@

$(REMOTE_STAMP): $(RUN_STAMP)
	$(PIP) install -qq --constraint $(LOCK) --editable '.[remote]'
	@touch $@

$(DEV_STAMP): $(RUN_STAMP)
	$(PIP) install -qq --constraint $(LOCK) --editable '.[dev]'
	@touch $@

data/train/iris.csv: | $(RUN_STAMP)
	@$(BIN)/python entry/preprocess.py --output-dir data

data: data/train/iris.csv ## Write the iris sample to data/train and data/test

data/batch/iris.csv: data/train/iris.csv
	@mkdir -p $(@D) && cut -d, -f2- data/test/iris.csv > $@

localmode-%: BIN := $(LOCALMODE)/bin
localmode-process localmode-train localmode-deploy localmode-transform localmode-lab: $(LOCALMODE_STAMP) image

container-process container-train container-deploy container-transform container-lab: image

remote-process remote-train remote-deploy remote-transform remote-lab: $(REMOTE_STAMP)

%-process: $(RUN_STAMP) ## Make the sample's channels, as a processing job
	@$(BIN)/harness process --on $*

%-train: $(RUN_STAMP) data/train/iris.csv ## Train on the sample
	@$(BIN)/harness train --on $*

%-deploy: $(RUN_STAMP) ## Serve the youngest model at an endpoint
	@$(BIN)/harness deploy --on $*

%-transform: $(RUN_STAMP) data/batch/iris.csv ## Predict the sample's test rows, as a batch transform job
	@$(BIN)/harness transform --on $* --input data/batch

%-lab: $(RUN_STAMP) ## Do all of it, and compare with the true labels
	@$(BIN)/python docs/lab.py --on $*

lab: $(RUN_STAMP) ## Do all of it; ON=TARGET says where
	@$(BIN)/python docs/lab.py $(if $(ON),--on $(ON))

stop: $(RUN_STAMP) ## End every job and endpoint that runs here
	@$(BIN)/harness clean --stop

image: $(CONTAINER_STAMP) ## Build the local image of --on container, unless it is there
	@$(BIN)/harness image build

test: test-suite test-localmode ## Run every test that this machine can run

test-suite: $(DEV_STAMP)
	$(BIN)/python -m pytest $(IN_PARALLEL) $(PYTEST)

oracles: $(DEV_STAMP) ## Build the environments of AWS's own packages, which tests compare with
	ORACLES=build $(BIN)/python -m pytest --quiet -m 'oracle and not docker'

test-fast: $(DEV_STAMP) ## Run the tests that are not marked slow: a minute or two
	$(BIN)/python -m pytest $(IN_PARALLEL) -m 'not slow and not docker' $(PYTEST)

# The SDK has to be beside the harness that a target's suite imports, which is so in this environment alone.
test-localmode: $(LOCALMODE_DEV_STAMP) ## Run the suite that every target passes on the SDK's own local mode
	$(LOCALMODE)/bin/python -m pytest $(IN_PARALLEL) tests/conformance -k localmode

lint: $(DEV_STAMP) ## Lint, check the format and the types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(DEV_STAMP) ## Format the code
	$(BIN)/ruff check --fix-only --quiet .
	$(BIN)/ruff format .

bench: $(DEV_STAMP) data/train/iris.csv ## Measure again what the README says about speed
	@$(BIN)/python -m benchmarks

lock: $(BIN)/python ## Pin again what pyproject.toml asks for
	$(PIP) install --quiet uv
	$(BIN)/uv pip compile --universal --python-version 3.11 --no-annotate --no-header --quiet \
		--extra dev --extra container pyproject.toml --output-file $(LOCK)

# What runs needs what is removed here. A harness that does not start any more, as its installation broke off, runs nothing.
clean: ## End what runs here; remove caches and the virtual environment, but no run (that does: harness clean --runs)
	@if $(BIN)/harness --version >/dev/null 2>&1; then $(BIN)/harness clean --stop; fi
	rm -rf .harness .pytest_cache .mypy_cache .ruff_cache .hypothesis $(VENV)
