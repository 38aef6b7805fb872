# Sourced by the setup scripts: sets $python, and $uv to a verified uv or to nothing.
#
# uv comes from the package index with the hash in locks/installer.lock. The hash of the unpacked program is recorded
# then, and compared before each use: a copy that is damaged, of another version or of unknown origin is replaced.
export UV_SYSTEM_CERTS=1 # certificates of a company are in the system's store
export UV_PYTHON_DOWNLOADS=never
python=${PYTHON:-python3}

_uv_is_verified() {
  local version
  version=$(sed -nE 's/^uv==([0-9.]+).*/\1/p' locks/installer.lock)
  "$python" - "$version" 2> /dev/null << 'PY'
import hashlib
import sys
from pathlib import Path

digest = hashlib.sha256(Path(".tools/bin/uv").read_bytes()).hexdigest()
sys.exit(Path(".tools/uv.sha256").read_text().split() != [sys.argv[1], digest])
PY
}

_fetch_uv() {
  local fetched=.tools.new pip=("$python" -m pip)
  rm -rf "$fetched"
  if ! "${pip[@]}" --version > /dev/null 2>&1; then
    # Debian ships pip and venv as packages of their own; either of them is enough
    "$python" -m venv "$fetched/venv" > /dev/null 2>&1 || return
    pip=("$fetched/venv/bin/python" -m pip)
  fi
  "${pip[@]}" install --quiet --disable-pip-version-check --root-user-action=ignore --target "$fetched/uv" \
    --no-deps --only-binary :all: --require-hashes -r locks/installer.lock 2> /dev/null || return
  rm -rf .tools
  mv "$fetched/uv" .tools
  rm -rf "$fetched"
  "$python" - > .tools/uv.sha256 << 'PY'
import hashlib
import re
from pathlib import Path

version = re.match(r"uv==([0-9.]+)", Path("locks/installer.lock").read_text())[1]
print(version, hashlib.sha256(Path(".tools/bin/uv").read_bytes()).hexdigest())
PY
}

uv=.tools/bin/uv
if ! _uv_is_verified; then
  echo "setup: fetching uv, the installer, into .tools"
  if ! _fetch_uv; then
    rm -rf .tools.new
    echo "setup: uv not available, falling back to pip (slower)"
    uv=
  fi
fi
