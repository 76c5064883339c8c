# make help lists the targets. Plain enough for GNU make 3.81, which macOS ships.

PYTHON ?= python3
VENV := .venv
READY := $(VENV)/.ready
BIN := $(VENV)/bin

# Settings of make demo, passed on as they are.
CLUSTER ?= demo-a
TARGET ?= 1.29
PORT ?=
ONCE ?=
export CLUSTER TARGET PORT ONCE
# What make break breaks; make faults lists what there is.
FAULT ?= fail node=$(CLUSTER)-w2 argv_prefix="kubeadm upgrade node" stderr="no space left on device" times=null

# How packages get into .venv: uv, or pip where uv may not be used.
INSTALLER ?= uv
export INSTALLER
# Airflow is byte-compiled as it is first imported, which costs two seconds; not at all, each of its starts would take long.
unexport PYTHONDONTWRITEBYTECODE

# Our own tests import from the checkout; nothing of a developer's shell may leak in.
export PYTHONPATH := $(CURDIR)/include:$(CURDIR)/plugins:$(CURDIR)/dags:$(CURDIR)/tests

# What to pass on to pytest: make test-e2e ARGS="-k crash"
ARGS ?=
# One process: the whole-system tests share one Airflow, and that fills two cores by itself.
PYTEST := $(BIN)/python -m pytest
# One for each core, where no Airflow runs: whoever is through first takes tests of the others.
SIDE_BY_SIDE := --numprocesses auto --maxprocesses 4 --dist worksteal

SOURCES := include plugins dags tests

.DEFAULT_GOAL := help
.PHONY: help venv demo about-demo break faults mend test test-e2e test-doors test-browser pictures test-first-hour test-hosts test-trouble chaos test-compose first-hour env bench bench-scale lint format schema sudoers constraints clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

venv: $(READY) ## make the virtual environment in .venv, or bring it up to date; INSTALLER=pip where uv may not be used

# Nothing is installed yet, so tests/installation needs the standard library only; it says itself what it does.
$(READY): requirements.txt requirements-dev.txt requirements-installer.txt constraints.txt
	@command -v $(PYTHON) >/dev/null || { echo "There is no $(PYTHON). Install Python 3.11 or later, or say make PYTHON=/path/to/python3 ..." >&2; exit 1; }
	@$(PYTHON) -m installation

demo: about-demo $(READY) ## upgrade a simulated cluster and watch: CLUSTER=demo-b, TARGET=1.29, PORT=8080, ONCE=1 to stop at the end
	@$(BIN)/python -m demo

# First, and by the shell alone: nobody should wonder what goes on, however long Python takes to start.
about-demo:
	@echo "make demo starts two simulated clusters and a real Airflow, and upgrades $$CLUSTER"
	@echo "to $$TARGET while you watch. About three minutes on two cores; the first time up to"
	@echo "a minute more, for the Python packages that it installs into $(VENV)."

break: $(READY) ## break the demo while it runs: CLUSTER=demo-a, FAULT="never_ready node=demo-a-w2"
	@$(BIN)/python -m lab break --directory .demo/lab $(CLUSTER) $(FAULT)

faults: $(READY) ## list what make break can break: FAULT="..."
	@$(BIN)/python -m lab faults

mend: $(READY) ## lift what make break has broken; then clear the failed task in Airflow
	@$(BIN)/python -m lab mend --directory .demo/lab $(CLUSTER)

test: $(READY) ## run the tests that take seconds each, minutes together; ARGS="..." goes to pytest
	$(PYTEST) $(SIDE_BY_SIDE) $(ARGS)

test-e2e: $(READY) ## upgrade simulated clusters with a whole Airflow: scheduler, triggerer, API server; needs nothing but this machine
	$(PYTEST) -m e2e $(ARGS)

test-doors: $(READY) ## windows, approvals, notifications and docs/api.md on a whole Airflow; minutes, needs curl and jq
	$(PYTEST) -m doors $(ARGS)

test-browser: $(VENV)/.browser ## play through the pages in a browser, on a whole Airflow; needs chromium, and skips where there is none
	$(PYTEST) -m browser $(ARGS)

pictures: $(VENV)/.browser ## the same, and take the pictures of docs/pictures anew
	PICTURES=1 $(PYTEST) -m browser $(ARGS)

$(VENV)/.browser: $(READY) requirements-browser.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt -r requirements-browser.txt
	@touch $@

test-first-hour: $(READY) ## type README's commands into terminals, in their order; minutes, needs kubectl
	$(PYTEST) -m first_hour $(ARGS)

first-hour: $(READY) ## write docs/first-hour.md: the same, recorded, from a fresh clone
	$(BIN)/python -m first_hour

test-hosts: $(READY) ## run the procedure on real hosts in containers: root, docker and debootstrap; skips where they are not
	$(PYTEST) -m hosts $(ARGS)

test-trouble: $(READY) ## upgrade clusters that fall ill meanwhile, and one cluster by two Airflows; minutes, needs nothing but this machine
	$(PYTEST) -m trouble $(ARGS)

chaos: $(READY) ## upgrade clusters while everything is killed at every step: docs/chaos.md; long, CHAOS_EVERY=3 is less
	$(PYTEST) -m chaos $(ARGS)

test-compose: $(READY) ## bring up docker-compose.yaml from nothing and upgrade through it: root, docker and debootstrap
	$(PYTEST) -m compose $(ARGS)

env: ## write .env for docker compose, with secrets made up for you
	@sh docker/env.sh

bench: $(READY) ## measure how long Airflow takes to parse a fleet, and what an open board costs it
	$(PYTEST) -m bench -s $(ARGS)

bench-scale: $(VENV)/.scale ## measure many clusters at once (CLUSTERS="1 10 100") and many workers (WORKERS="50 500"); hours, with the machine left alone
	$(PYTEST) -m scale -s $(ARGS)

$(VENV)/.scale: $(READY) requirements-scale.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt -r requirements-scale.txt
	@touch $@

lint: $(READY) ## ruff and mypy
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/mypy include plugins

format: $(READY) ## let ruff put the code into shape
	$(BIN)/ruff check --fix $(SOURCES)
	$(BIN)/ruff format $(SOURCES)

schema: $(READY) ## write the JSON Schemas of our YAML files for editors
	$(BIN)/python -m kubeadm_upgrade schema cluster > include/clusters/cluster.schema.json
	$(BIN)/python -m kubeadm_upgrade schema defaults > include/clusters/defaults.schema.json
	$(BIN)/python -m kubeadm_upgrade schema release > include/kubeadm_upgrade/releases/facts/release.schema.json

sudoers: $(READY) ## write docs/sudoers: which commands hosts must allow, generated from the code that runs them
	$(BIN)/python -m kubeadm_upgrade sudoers > docs/sudoers
	$(BIN)/python -m kubeadm_upgrade sudoers --wildcards > docs/sudoers-wildcards
	$(BIN)/python -m kubeadm_upgrade sudoers --examples > include/kubeadm_upgrade/rights/examples.json

constraints: $(READY) ## write constraints.txt anew from .venv
	@{ sed -n '/^#/p;/^#/!q' constraints.txt; PYTHONPATH= $(BIN)/python -m pip freeze --exclude uv; } > constraints.new
	mv constraints.new constraints.txt
	@touch $(READY)

clean: ## remove what make has made; stop a running demo first
	rm -rf $(VENV) .demo .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find $(SOURCES) -name __pycache__ -type d -prune -exec rm -rf {} +
