#!/usr/bin/env bash
# Resolve every lock file again, for Python 3.11 and newer on any platform, with hashes and without index addresses.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/installer.sh
[ -n "$uv" ] || exit 2
resolve() {
  local name=$1
  shift
  echo "lock: locks/$name.lock"
  "$uv" pip compile "$@" --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
    --no-annotate --upgrade --quiet --output-file "locks/$name.lock" > /dev/null
}
shared=(--constraint locks/requirements.lock)
resolve requirements pyproject.toml --extra postgres --extra app --extra alerts --extra dev
resolve spark pyproject.toml --extra spark "${shared[@]}"
for version in 3.5 4.0 4.1; do resolve "spark-$version" pyproject.toml --extra spark --group "spark-$version" "${shared[@]}"; done
for group in bench effect fuzz; do resolve "$group" --group "$group" "${shared[@]}"; done
resolve docs --group docs
resolve installer --group installer
