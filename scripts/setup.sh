#!/usr/bin/env bash
# Make .venv exactly what requirements.lock says. Needs python3 (3.11 or newer) and nothing else; asks nothing.
set -euo pipefail
cd "$(dirname "$0")/.."
stamp=.venv/.payrec-setup
wanted="$(cat requirements.lock pyproject.toml scripts/setup.sh | cksum)"
if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$wanted" ]; then exit 0; fi

python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
  echo "setup: found $(python3 --version), expected Python 3.11 or newer: install it and run this again" >&2; exit 2; }

uv=.tools/bin/uv
if [ ! -x "$uv" ]; then
  echo "setup: fetching uv, the installer, into .tools"
  python3 -m pip install --quiet --disable-pip-version-check --root-user-action=ignore \
    --target .tools --no-deps --only-binary :all: "uv==0.13.9" 2>/dev/null || echo "setup: uv is not to be had, going on with pip"
fi
by_uv() {
  [ -x "$uv" ] || return 1
  echo "setup: installing the locked packages into .venv"
  export UV_SYSTEM_CERTS=1  # a company's own certificates are in the system's store
  { [ -x .venv/bin/python ] || "$uv" venv --quiet --seed --python "$(command -v python3)" .venv; } &&
    "$uv" pip sync --quiet --compile-bytecode --python .venv/bin/python --require-hashes requirements.lock &&
    "$uv" pip install --quiet --python .venv/bin/python --no-deps --no-build-isolation -e .
}
if ! by_uv; then
  echo "setup: installing the locked packages into .venv with pip (slower)"
  [ -x .venv/bin/python ] || python3 -m venv .venv
  .venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
  .venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
fi
.venv/bin/python -m compileall -q src
echo "$wanted" > "$stamp"
echo "setup: done"
