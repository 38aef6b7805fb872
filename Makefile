.DEFAULT_GOAL := help
PY := .venv/bin/python

help:  ## show what there is to run
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | sort | awk -F '\t' '{printf "  make %-8s %s\n", $$1, $$2}'

setup:  ## make .venv from the locked requirements
	@./scripts/setup.sh

run: setup  ## set up, then the whole job on made data: from files to the ranked list and the report
	@.venv/bin/payrec demo

test: setup  ## set up, then every test
	@./scripts/test-setup.sh
	@$(PY) -m pytest -n 2 --dist loadfile

faults: setup  ## every fault at every step of load, train, run and publish, on both databases: up to four hours
	@$(PY) -m tests.faults.harness.every $(FAULTS)

check: setup  ## lint, types, architecture, known vulnerabilities
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check .
	@.venv/bin/mypy
	@.venv/bin/lint-imports --no-cache
	@./scripts/audit.sh

app: setup  ## open the web app
	@.venv/bin/payrec app

bench:  ## measure speed, memory and quality beside what else one could use; writes docs/benchmarks.md
	@./scripts/setup-beside.sh bench spark
	@./scripts/test-setup.sh
	@.venv-bench/bin/python -m benchmarks

soak: setup  ## 200 nights in a row on DuckDB and PostgreSQL: nothing may leak, slow down or fill the disk
	@$(PY) -m tests.soak

fuzz:  ## feed files and models that are broken in ever new ways; FUZZ_SECONDS=60 for each of the targets
	@./scripts/setup-beside.sh fuzz
	@.venv-fuzz/bin/python -m tests.fuzz --seconds $(or $(FUZZ_SECONDS),60)

docs: setup  ## remake the parts of the docs that commands make
	@./scripts/test-setup.sh
	@$(PY) scripts/make_docs.py
	@$(PY) scripts/screenshots.py

lock:  ## resolve requirements.lock afresh
	@.tools/bin/uv pip compile pyproject.toml --extra postgres --extra app --extra alerts --extra dev --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --upgrade --quiet -o requirements.lock > /dev/null
	@.tools/bin/uv pip compile pyproject.toml --extra spark -c requirements.lock --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate --upgrade --quiet -o requirements-spark.lock > /dev/null
	@.tools/bin/uv pip compile --group bench -c requirements.lock --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate --upgrade --quiet -o requirements-bench.lock > /dev/null
	@.tools/bin/uv pip compile --group fuzz -c requirements.lock --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate --upgrade --quiet -o requirements-fuzz.lock > /dev/null

clean:  ## take away what the commands made (not .venv)
	rm -rf out build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis

.PHONY: help setup run test check app bench faults soak fuzz docs lock clean
