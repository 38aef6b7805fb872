#!/usr/bin/env bash
# Make .venv-NAME: what .venv has, and the packages of requirements-NAME.lock (bench, fuzz), and of those of further
# names given. Asks nothing.
set -euo pipefail
cd "$(dirname "$0")/.."
name="$1"
venv=".venv-$name"
locks=(requirements.lock)
for each in "$@"; do locks+=("requirements-$each.lock"); done
./scripts/setup.sh
stamp="$venv/.payrec-setup"
wanted="$(cat "${locks[@]}" pyproject.toml scripts/setup-beside.sh | cksum)"
if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$wanted" ]; then exit 0; fi

uv=.tools/bin/uv
if [ -x "$uv" ]; then
  echo "setup-beside: installing the locked packages into $venv"
  [ -x "$venv/bin/python" ] || "$uv" venv --quiet --python "$(command -v python3)" "$venv"
  UV_SYSTEM_CERTS=1 "$uv" pip sync --quiet --python "$venv/bin/python" --require-hashes "${locks[@]}"
  "$uv" pip install --quiet --python "$venv/bin/python" --no-deps --no-build-isolation -e .
else
  echo "setup-beside: installing the locked packages into $venv with pip (slower)"
  [ -x "$venv/bin/python" ] || python3 -m venv "$venv"
  for each in "${locks[@]}"; do
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes -r "$each"
  done
  "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
fi
echo "$wanted" > "$stamp"
echo "setup-beside: done"
