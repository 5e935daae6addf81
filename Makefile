# SPDX-License-Identifier: AGPL-3.0-or-later
# `make` alone lists the commands.
.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

help: ## list the commands
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

$(VENV)/.installed: requirements-dev.lock pyproject.toml
	@bash deploy/system-packages.sh
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements-dev.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

BUILT := node/convergences_node/web/built/built.json

# A machine without node, or a registry that does not answer, is no failure: what is missing is said in one sentence.
$(BUILT): front/package-lock.json front/build.mjs front/hatch_build.py $(wildcard front/src/*)
	@bash deploy/system-packages.sh
	@$(PYTHON) front/hatch_build.py

front: $(BUILT) ## build the scripts of the pages (needs node and npm)

setup: $(VENV)/.installed front ## build .venv from the lock, with our own package in it, and the scripts of the pages

demo: setup ## ten nodes of Plaine Commune on this machine; prints addresses to open
	$(BIN)/convergences demo

test: setup lint types ## lint, types and all the tests
	$(BIN)/python -m pytest -n 2

lint: setup ## ruff: rules and format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: setup ## mypy, strict
	$(BIN)/mypy

check-demo: setup ## the main job from end to end, without a screen
	$(BIN)/convergences demo --check --json

seeds: setup ## 2,000 simulated clusters, the same at each run
	$(BIN)/python -m tests.simulation --seeds 2000 --first 1551373344 --minutes 25

new-seeds: setup ## 2,000 simulated clusters that no commit before has tried
	$(BIN)/python -m tests.simulation --seeds 2000 --new --minutes 25

drill: setup ## 1,000 pulled plugs: a recorded node, and a disk that forgets what was not synced
	$(BIN)/python -m tests.drills --cuts 1000

bench: setup ## every figure beside its reference, in one run
	$(BIN)/python -m benchmarks

formats: setup ## every reader over every file of ../shared/data, with limits; a table by format
	$(BIN)/python -m benchmarks.formats

audit: setup ## every kind of page in a real browser: axe, weight, paints, pictures
	$(BIN)/python -m benchmarks.audit

deb: setup ## the Debian packages (arm64 for a Pi, amd64), in dist/
	$(BIN)/python deploy/package/build.py

release: setup ## sign the packages of dist/ (KEY="file …", see deploy/package/release.py)
	$(BIN)/python deploy/package/release.py sign $(foreach file,$(KEY),--key $(file))

golden: setup ## keep this version's node for ever: before its release, for the tests of all later ones
	$(BIN)/python -m tests.updates.making_golden

lock: ## resolve the dependencies again (needs uv) and write the two locks
	uv lock --quiet
	uv export --quiet --no-emit-project --no-dev --output-file requirements.lock
	uv export --quiet --no-emit-project --all-groups --output-file requirements-dev.lock

clean: ## remove what the commands above have built
	rm -rf $(VENV) dist build node/convergences_node/web/built front/node_modules .mypy_cache .ruff_cache .pytest_cache .hypothesis

.PHONY: help setup front demo test lint types check-demo seeds new-seeds drill bench formats audit deb release golden lock clean
