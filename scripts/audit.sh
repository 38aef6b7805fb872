#!/usr/bin/env bash
# Known vulnerabilities of the locked packages; where the advisory service cannot be reached, say so and go on.
set -uo pipefail
cd "$(dirname "$0")/.."
found=$(.venv/bin/pip-audit --requirement requirements.lock --requirement requirements-spark.lock --disable-pip --progress-spinner off --timeout 10 2>&1)
code=$?
if [ "$code" -eq 0 ]; then echo "pip-audit: no known vulnerabilities"; exit 0; fi
if grep -qiE 'connection|resolve|timed out|max retries|unreachable|ServiceError|proxy' <<<"$found"; then
  echo "pip-audit: the advisory service cannot be reached from here, not checked"; exit 0
fi
echo "$found"; exit "$code"
