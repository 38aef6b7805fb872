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

if ! has_chromium; then
  echo "test-setup: installing Chromium for the browser tests"
  by_apt chromium || .venv/bin/playwright install chromium > /dev/null 2>&1 || true
  has_chromium || { echo "test-setup: no Chromium to be had by apt-get or playwright; install it and run this again" >&2; exit 1; }
fi
