#!/usr/bin/env bash
# What the tests need beside Python packages. Asks nothing; says what it does, and nothing where all is there.
set -euo pipefail
cd "$(dirname "$0")/.."

has_chromium() {
  command -v chromium > /dev/null || command -v chromium-browser > /dev/null && return
  .venv/bin/python - 2> /dev/null << 'PY'
import sys
from pathlib import Path
from playwright.sync_api import sync_playwright

with sync_playwright() as found:
    sys.exit(not Path(found.chromium.executable_path).exists())
PY
}

by_apt() {
  command -v apt-get > /dev/null || return
  local as_root=()
  [ "$(id -u)" -eq 0 ] || as_root=(sudo -n)
  local install=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@")
  "${install[@]}" > /dev/null 2>&1 || { "${as_root[@]}" apt-get update -qq > /dev/null 2>&1 && "${install[@]}" > /dev/null 2>&1; }
}

# Spark is large (its wheel is built here), and only the tests and its users need it: so it has a lock of its own
has_pyspark() {
  .venv/bin/python - 2> /dev/null << 'PY'
import sys
from importlib.metadata import version

sys.exit(f"pyspark=={version('pyspark')} " not in open("requirements-spark.lock").read())
PY
}

if ! has_pyspark; then
  echo "test-setup: installing pyspark"
  if [ -x .tools/bin/uv ]; then
    UV_SYSTEM_CERTS=1 .tools/bin/uv pip install --quiet --python .venv/bin/python --require-hashes -r requirements-spark.lock
  else
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-spark.lock
  fi
fi

java_is_new() {
  local found
  found="$("${JAVA_HOME:+$JAVA_HOME/bin/}java" -version 2>&1 | sed -nE '1s/.*version "([0-9]+).*/\1/p')" && [ "${found:-0}" -ge 17 ]
}

if ! java_is_new; then
  echo "test-setup: installing Java 17 for Spark"
  by_apt openjdk-17-jre-headless || true
  java_is_new || { echo "test-setup: no Java 17 to be had by apt-get; install it (or set JAVA_HOME) and run this again" >&2; exit 1; }
fi

if ! has_chromium; then
  echo "test-setup: installing Chromium for the browser tests"
  by_apt chromium || .venv/bin/playwright install chromium > /dev/null 2>&1 || true
  has_chromium || { echo "test-setup: no Chromium to be had by apt-get or playwright; install it and run this again" >&2; exit 1; }
fi
