# Two commands for users: `make demo` shows everything, `make test` proves it. Both set themselves up from nothing.
PYTHON ?= python3
VENV   ?= .venv
DATA   ?= ./labelled
BIN    := $(VENV)/bin
DONE   := $(VENV)/.installed

.DEFAULT_GOAL := help
.PHONY: help demo test lint types unit live slow bench evaluate audit docs format clean

help: ## Say what there is
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "make %-8s %s\n", $$1, $$2}'

$(DONE): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; set PYTHON=…")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	@touch $(DONE)

demo: $(DONE) ## Make telemetry, train, score, show the riskiest sessions, serve /metrics and the pages
	$(BIN)/sigyn demo

test: lint types unit ## Everything that must pass: lint, types, tests

lint: $(DONE) ## Style and format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(DONE) ## Static types
	$(BIN)/mypy

unit: $(DONE) ## Tests; those that need a server run where it is on PATH, and are skipped by name elsewhere
	$(BIN)/python -m pytest -n auto --dist loadfile

live: $(DONE) ## Only the tests against real servers (loki, prometheus, chromium on PATH)
	$(BIN)/python -m pytest -m live -rs

slow: $(DONE) ## The long tests too
	SIGYN_SLOW=1 $(BIN)/python -m pytest -n auto --dist loadfile

bench: $(DONE) ## The figures of the README (some minutes)
	$(BIN)/python -m benchmarks

evaluate: $(DONE) ## How well sessions are told apart: every NAME.jsonl.gz with NAME.labels.csv in DATA (hours)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[benchmark]'
	$(BIN)/sigyn evaluate --folder $(DATA) --train good --train all --equal-length --past-onset 5 --contaminate 0,5,10,20 --peers --format markdown

audit: $(DONE) ## Known vulnerabilities of the pinned versions (fails where the public list of them is out of reach)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[audit]'
	$(BIN)/pip-audit --requirement constraints.txt --no-deps --disable-pip --strict

docs: $(DONE) ## Write the reference pages that are made from the code
	$(BIN)/python -m exporter.config_reference --write
	$(BIN)/python -m exporter.feature_reference --write
	$(BIN)/python -m grafana.build

format: $(DONE) ## Put the code in shape
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean: ## Remove the environment and what it made
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
