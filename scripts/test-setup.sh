#!/usr/bin/env bash
# Install what the tests need and .venv lacks: Spark, Java, Chromium. Never prompts; silent where nothing is missing.
set -euo pipefail
cd "$(dirname "$0")/.."

has_chromium() {
  command -v chromium > /dev/null || command -v chromium-browser > /dev/null && return
  .venv/bin/python - 2> /dev/null << 'PY'
import sys
from pathlib import Path
from playwright.sync_api import sync_playwright

with sync_playwright() as playwright:
    sys.exit(not Path(playwright.chromium.executable_path).exists())
PY
}

by_apt() {
  command -v apt-get > /dev/null || return
  local as_root=()
  [ "$(id -u)" -eq 0 ] || as_root=(sudo -n)
  local install=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@")
  "${install[@]}" > /dev/null 2>&1 || { "${as_root[@]}" apt-get update -qq > /dev/null 2>&1 && "${install[@]}" > /dev/null 2>&1; }
}

# Spark is large, its wheel is built here, and few users need it: so it has a lock of its own
has_pyspark() {
  .venv/bin/python - 2> /dev/null << 'PY'
import sys
from importlib.metadata import version

lock = open("locks/spark.lock").read()
sys.exit(not all(f"{name}=={version(name)} " in lock for name in ("pyspark", "grpcio", "grpcio-status", "zstandard")))
PY
}

if ! has_pyspark; then
  echo "test-setup: installing pyspark"
  . scripts/installer.sh
  if [ -n "$uv" ]; then
    "$uv" pip install --quiet --compile-bytecode --python .venv/bin/python --require-hashes -r locks/spark.lock
  else
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r locks/spark.lock
  fi
fi

java_is_new() {
  local version
  version="$("${JAVA_HOME:+$JAVA_HOME/bin/}java" -version 2>&1 | sed -nE '1s/.*version "([0-9]+).*/\1/p')" && [ "${version:-0}" -ge 17 ]
}

if ! java_is_new; then
  echo "test-setup: installing Java 17 for Spark"
  by_apt openjdk-17-jre-headless || true
  java_is_new || { echo "test-setup: found no Java 17 and apt-get cannot install it; install it or set JAVA_HOME, then run this again" >&2; exit 1; }
fi

if ! has_chromium; then
  echo "test-setup: installing Chromium for the browser tests"
  by_apt chromium || .venv/bin/playwright install chromium > /dev/null 2>&1 || true
  has_chromium || { echo "test-setup: found no Chromium and neither apt-get nor playwright can install it; install it, then run this again" >&2; exit 1; }
fi
