#!/usr/bin/env bash
# Run the tests of a Spark cluster on another version of Spark, or another format of tables, than most tests use:
#   scripts/spark-tests.sh 4.1 iceberg [arguments of pytest]
set -euo pipefail
cd "$(dirname "$0")/.."
version=$1 tables=$2
shift 2
venv=.venv  # has the newest
if [ -f "locks/spark-$version.lock" ]; then
  ./scripts/setup-extra.sh "spark-$version" requirements "spark-$version"
  venv=".venv-spark-$version"
fi
[ $# -gt 0 ] || set -- tests/data/engines tests/data/test_engines_agree.py tests/commands/test_spark_nights.py
# pandas says the warning that is left out of pyspark 3.5
echo "spark-tests: Spark $version, tables of $tables"
PAYREC_TEST_ENGINES="duckdb spark" PAYREC_TEST_SPARK_TABLES="$tables" \
  "$venv/bin/python" -m pytest -p no:cacheprovider -W "ignore:The copy keyword is deprecated:DeprecationWarning" "$@"
