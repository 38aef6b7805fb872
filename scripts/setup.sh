#!/usr/bin/env bash
# Make .venv exactly what locks/requirements.lock says. Needs Python 3.11 or newer with pip or venv; never prompts.
# PYTHON=/path/to/python chooses the interpreter; a .venv of another Python is then made again.
set -euo pipefail
cd "$(dirname "$0")/.."
stamp=.venv/.payrec-setup
wanted="$(cat locks/requirements.lock pyproject.toml scripts/setup.sh | cksum)"
version_of() { "$1" -c 'import sys; print(sys.version)' 2> /dev/null; }
if [ -n "${PYTHON:-}" ] && [ -x .venv/bin/python ] && [ "$(version_of "$PYTHON")" != "$(version_of .venv/bin/python)" ]; then
  rm -rf .venv
fi
if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$wanted" ]; then exit 0; fi

"${PYTHON:-python3}" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
  echo "setup: found $("${PYTHON:-python3}" --version 2>&1), expected Python 3.11 or newer." >&2
  echo "setup: install one, or name it: make setup PYTHON=/path/to/python3.11" >&2
  exit 2
}

. scripts/installer.sh
with_uv() {
  echo "setup: installing the locked packages into .venv"
  { [ -x .venv/bin/python ] || "$uv" venv --quiet --python "$(command -v "$python")" .venv; } &&
    "$uv" pip sync --quiet --compile-bytecode --python .venv/bin/python --require-hashes locks/requirements.lock &&
    "$uv" pip install --quiet --python .venv/bin/python --no-deps --no-build-isolation -e .
}
with_pip() {
  echo "setup: installing the locked packages into .venv with pip (slower)"
  [ -x .venv/bin/pip ] || "$python" -m venv --clear .venv || {
    echo "setup: $("$python" --version) has neither pip nor venv; on Debian: apt-get install python3-venv" >&2
    exit 2
  }
  .venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r locks/requirements.lock
  .venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
}
if [ -z "$uv" ] || ! with_uv; then with_pip; fi
.venv/bin/python -m compileall -q src
echo "$wanted" > "$stamp"
echo "setup: done"
