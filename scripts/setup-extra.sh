#!/usr/bin/env bash
# Make .venv-NAME from the locks that are named, and from payrec itself where requirements is one of them:
#   scripts/setup-extra.sh bench requirements bench spark
set -euo pipefail
cd "$(dirname "$0")/.."
venv=".venv-$1"
shift
locks=("${@/%/.lock}")
locks=("${locks[@]/#/locks/}")
stamp="$venv/.payrec-setup"
wanted="$(cat "${locks[@]}" pyproject.toml scripts/setup-extra.sh | cksum)"
if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$wanted" ]; then exit 0; fi

. scripts/installer.sh
echo "setup-extra: installing the locked packages into $venv"
if [ -n "$uv" ]; then
  [ -x "$venv/bin/python" ] || "$uv" venv --quiet --python "$(command -v "$python")" "$venv"
  "$uv" pip sync --quiet --python "$venv/bin/python" --require-hashes "${locks[@]}"
  install=("$uv" pip install --quiet --python "$venv/bin/python")
else
  [ -x "$venv/bin/pip" ] || "$python" -m venv --clear "$venv"
  install=("$venv/bin/python" -m pip install --quiet --disable-pip-version-check)
  for lock in "${locks[@]}"; do "${install[@]}" --require-hashes -r "$lock"; done
fi
case " ${locks[*]} " in
  *" locks/requirements.lock "*) "${install[@]}" --no-deps --no-build-isolation -e . ;;
esac
echo "$wanted" > "$stamp"
echo "setup-extra: done"
