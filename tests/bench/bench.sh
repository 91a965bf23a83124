#!/bin/sh
# make bench: the tables of docs/performance.md, measured here. Arguments: the parts (common.py has the environment).
set -eu
mkdir -p "$OUT"
echo "## What the machine can do at most"
echo
# shellcheck disable=SC2086
${BENCH_PREFIX:-} "$BUILD/tests/bench/roofline" --json "$OUT/roofline.json"
if ! command -v python3 >/dev/null; then
    echo "*Skipped: everything else needs python3.*"
    exit 0
fi
for part in "$@"; do
    [ "$part" = roofline ] || python3 "$(dirname "$0")/$part.py"
done
