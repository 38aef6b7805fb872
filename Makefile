.DEFAULT_GOAL := help
PY := .venv/bin/python

help:  ## list the commands
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | sort | awk -F '\t' '{printf "  make %-8s %s\n", $$1, $$2}'

setup:  ## install the locked packages into .venv; PYTHON=… chooses the interpreter
	@./scripts/setup.sh

run: setup  ## set up, then the whole job on simulated data: from files to the ranked list and the report
	@.venv/bin/payrec demo

test: setup  ## set up, then every test
	@./scripts/test-setup.sh
	@$(PY) -m pytest -n 3 --dist loadfile --ignore tests/commands/test_spark_nights.py  # three on 2 cores: tests also wait
	@./scripts/spark-tests.sh 4.1 iceberg tests/commands/test_spark_nights.py

sparks: setup  ## the tests of a Spark cluster on Spark 3.5 to the newest, and on tables of Iceberg, Delta and Hive: an hour
	@./scripts/test-setup.sh
	@for each in "4.3 hive" "4.1 iceberg" "4.1 delta" "4.0 iceberg" "3.5 parquet"; do \
	  ./scripts/spark-tests.sh $$each || exit 1; done

quick: setup  ## the unit tests that need no database, server, browser or process: within a minute
	@PAYREC_TEST_ENGINES=duckdb $(PY) -m pytest --quick

faults: setup  ## every fault at every step of load, train, run and publish, on both databases: up to four hours
	@$(PY) -m tests.faults.harness.every $(FAULTS)

pairs: setup  ## two commands at once and a fault between them, drawn at random on both databases: 500 trials, hours
	@$(PY) -m tests.faults.harness.pairs $(PAIRS)

loops: setup  ## all commands in loops at the same time, five minutes on each database
	@$(PY) -m tests.soak.side_by_side --engine duckdb $(LOOPS)
	@$(PY) -m tests.soak.side_by_side --engine postgres $(LOOPS)

check: setup  ## lint, types, import contract, known vulnerabilities
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check .
	@.venv/bin/mypy
	@.venv/bin/lint-imports --no-cache
	@./scripts/audit.sh

app: setup  ## open the web app
	@.venv/bin/payrec app

bench: setup  ## measure speed, memory and quality against other libraries; writes docs/benchmarks.md
	@./scripts/setup-extra.sh bench requirements bench spark
	@./scripts/test-setup.sh
	@.venv-bench/bin/python -m benchmarks

soak: setup  ## 200 nights in a row on DuckDB and PostgreSQL: nothing may leak, slow down or fill the disk
	@$(PY) -m tests.soak

fuzz: setup  ## broken files and models against the readers; FUZZ_SECONDS=60 for each target
	@./scripts/setup-extra.sh fuzz requirements fuzz
	@.venv-fuzz/bin/python -m tests.fuzz --seconds $(or $(FUZZ_SECONDS),60)

docs: setup  ## regenerate the reference pages, recorded outputs and screenshots
	@./scripts/test-setup.sh
	@$(PY) scripts/make_docs.py
	@$(PY) scripts/screenshots.py

site:  ## build the documentation as a site in build/site; a warning or a broken link fails
	@./scripts/setup-extra.sh docs docs
	@.venv-docs/bin/sphinx-build -W --keep-going -q -b html -c docs . build/site
	@echo '<meta http-equiv="refresh" content="0; url=docs/index.html">' > build/site/index.html
	@echo "site: build/site/index.html"

lock:  ## resolve locks/*.lock again
	@./scripts/lock.sh

clean:  ## delete what the commands generated (not .venv)
	rm -rf out build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis

.PHONY: help setup run test quick sparks check app bench faults pairs soak loops fuzz docs site lock clean
