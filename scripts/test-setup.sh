#!/usr/bin/env bash
# What the tests need beside Python packages. Asks nothing; says what it does.
set -euo pipefail
cd "$(dirname "$0")/.."
