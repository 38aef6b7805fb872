#!/usr/bin/env bash
# Make .venv-bench: what .venv has, and what `make bench` measures against (requirements-bench.lock). Asks nothing.
set -euo pipefail
cd "$(dirname "$0")/.."
./scripts/setup.sh
stamp=.venv-bench/.payrec-setup
wanted="$(cat requirements.lock requirements-bench.lock pyproject.toml scripts/setup-bench.sh | cksum)"
if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$wanted" ]; then exit 0; fi

uv=.tools/bin/uv
if [ -x "$uv" ]; then
  echo "setup-bench: installing the locked packages into .venv-bench"
  [ -x .venv-bench/bin/python ] || "$uv" venv --quiet --python "$(command -v python3)" .venv-bench
  "$uv" pip sync --quiet --python .venv-bench/bin/python --require-hashes requirements.lock requirements-bench.lock
  "$uv" pip install --quiet --python .venv-bench/bin/python --no-deps --no-build-isolation -e .
else
  echo "setup-bench: installing the locked packages into .venv-bench with pip (slower)"
  [ -x .venv-bench/bin/python ] || python3 -m venv .venv-bench
  for lock in requirements.lock requirements-bench.lock; do
    .venv-bench/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r "$lock"
  done
  .venv-bench/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
fi
echo "$wanted" > "$stamp"
echo "setup-bench: done"
