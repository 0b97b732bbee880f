# Verbs of the project. Each sets up what is missing first; `make help` lists them.
.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
SPARK_READY := .venv-spark/.ready

export DBT_SEND_ANONYMOUS_USAGE_STATS := false
export DO_NOT_TRACK := 1
export UV_SYSTEM_CERTS := true

.PHONY: help run dev test test-long test-quick test-spark lint format bench bench-delivery reference lock docs clean

help: ## list the verbs
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-15s %s\n", $$1, $$2}'

run: $(READY) ## the nightly job on data/raw; a sample brand is made where that is empty
	@if [ -z "$$(ls -A $${VIP_RAW_DIR:-data/raw} 2>/dev/null)" ]; then \
		$(BIN)/vip sample --customers 5000 --out $${VIP_RAW_DIR:-data/raw}; fi
	@$(BIN)/vip nightly

dev: $(READY) ## the graph, its schedules, checks and history in Dagster's own pages
	@$(BIN)/vip dagster-home >/dev/null && DAGSTER_HOME="$$($(BIN)/vip dagster-home)" $(BIN)/dagster dev

test: $(READY) ## every test
	@$(BIN)/pytest -n 2 --dist loadfile --no-loadscope-reorder

test-long: $(READY) ## every test, the random ones at full length: before a release
	@VIP_TEST_LONG=1 $(BIN)/pytest -n 2 --dist loadfile --no-loadscope-reorder

test-quick: $(READY) ## the developer's loop: everything that is fast
	@$(BIN)/pytest -n 2 --dist loadfile --no-loadscope-reorder -m "not slow" -q

test-spark: $(SPARK_READY) ## the same models on the second engine (needs Java)
	@.venv-spark/bin/pytest tests/parity

lint: $(READY) ## ruff and sqlfluff
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/sqlfluff lint --disable-progress-bar --processes 2 models tests/dbt

format: $(READY) ## let ruff and sqlfluff put things in order
	@$(BIN)/ruff check --fix . && $(BIN)/ruff format .
	@$(BIN)/sqlfluff fix --disable-progress-bar models tests/dbt

bench: $(READY) ## wall time, peak memory and the share of each step, by size
	@$(BIN)/python -m tests.bench

bench-delivery: $(READY) ## what a plan of a million costs, and the pace of a push
	@$(BIN)/python -m tests.bench_delivery

docs: $(READY) ## write the data dictionary anew
	@$(BIN)/python -m orchestration.dictionary

reference: $(READY) ## write the reference seeds that libraries know: holidays, phone prefixes, lines, zones
	@$(BIN)/python -m orchestration.reference_tables

lock: $(READY) ## compile the locks from pyproject.toml
	@$(BIN)/uv pip compile pyproject.toml --extra dev --universal --generate-hashes \
		--no-emit-index-url --no-emit-find-links --no-header --no-annotate -q -o requirements.lock
	@$(BIN)/uv pip compile pyproject.toml --extra dev --extra spark --universal --generate-hashes \
		--no-emit-index-url --no-emit-find-links --no-header --no-annotate -q \
		-c requirements.lock -o requirements-spark.lock

clean: ## remove what the program wrote and the environments
	rm -rf var target logs $(VENV) .venv-spark

# uv comes from the lock, by hash, through the pip that is there; uv then installs the rest in seconds.
# Where pip knows a way to a registry that uv does not (a mirror, a proxy), pip does the whole.
define install
	@echo "Setting up $(1) (once, and again when the lock changes)"
	@test -x $(1)/bin/python || $(PYTHON) -m venv $(1)
	@sed -n '/^uv==/,/^[a-z]/{/^uv==/p;/--hash/p;}' $(2) > $(1)/uv.txt
	@$(1)/bin/pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r $(1)/uv.txt
	@$(1)/bin/uv pip sync --quiet --python $(1)/bin/python --require-hashes --compile-bytecode $(2) \
		|| { echo "uv cannot install here: pip does, in minutes"; \
		$(1)/bin/pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r $(2); }
	@$(1)/bin/uv pip install --quiet --python $(1)/bin/python --no-deps --no-build-isolation -e .
	@touch $(1)/.ready
endef

$(READY): requirements.lock
	$(call install,$(VENV),requirements.lock)

$(SPARK_READY): requirements-spark.lock
	$(call install,.venv-spark,requirements-spark.lock)
