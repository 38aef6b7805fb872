#!/usr/bin/env bash
# Build the wheel, install it with its locked runtime packages into an empty environment, and run the demo in an empty
# folder: SQL, templates and tables of codes must be inside the wheel. Never prompts.
set -euo pipefail
cd "$(dirname "$0")/.."
root=$PWD
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export PYTHONDONTWRITEBYTECODE=1

echo "wheel-smoke: building"
.venv/bin/hatchling build --target wheel --directory "$work/dist" > /dev/null 2>&1
wheel=$(echo "$work"/dist/payrec-*.whl)

echo "wheel-smoke: installing $(basename "$wheel") into an empty environment"
# only the locked packages that the program needs at run time, with their hashes
.venv/bin/python scripts/runtime_lock.py > "$work/runtime.lock"
. scripts/installer.sh
if [ -n "$uv" ]; then
  "$uv" venv --quiet --python .venv/bin/python "$work/venv"
  "$uv" pip sync --quiet --python "$work/venv/bin/python" --require-hashes "$work/runtime.lock"
  "$uv" pip install --quiet --offline --no-deps --no-index --python "$work/venv/bin/python" "$wheel"
else
  .venv/bin/python -m venv "$work/venv"
  "$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes -r "$work/runtime.lock"
  "$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --no-index "$wheel"
fi

mkdir "$work/empty"
cd "$work/empty"
payrec() { env -i PATH=/usr/bin:/bin HOME="$work" "$work/venv/bin/payrec" "$@"; }
payrec --help > /dev/null
payrec sql > /dev/null
echo "wheel-smoke: payrec demo --orders 3000"
code=0
payrec demo --orders 3000 > demo.txt 2> demo.log || code=$?
if [ "$code" -ne 0 ]; then
  cat demo.txt demo.log >&2
  echo "wheel-smoke: payrec demo ended with $code, expected 0" >&2
  exit 1
fi
for file in out/payrec.duckdb out/published/current out/demo/worklist.csv out/demo/report.html out/demo/truth.parquet models/champion; do
  [ -s "$file" ] || { echo "wheel-smoke: $file is missing or empty" >&2; exit 1; }
done
case $(cd / && "$work/venv/bin/python" -I -c 'import payrec; print(payrec.__file__)') in
  "$root"/*) echo "wheel-smoke: it ran the source, not the wheel" >&2; exit 1 ;;
esac
echo "wheel-smoke: done, $(wc -l < out/demo/worklist.csv) lines in the worklist"
