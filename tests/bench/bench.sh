#!/bin/sh
# make bench: what a conversion and a run cost on this machine, as a Markdown table.
#
#   products      GFLOP/s of the matrix product by size
#   conversion    seconds and peak memory against `cp` of the same file, in turn, medians of five
#   running       load time, latency, memory and bytes by precision
#
# BENCH_MODEL=FILE.onnx measures that model (BENCH_DIMS='--dim height=518 --dim width=518' its size) in place of the demo's,
# made 768 wide with 12 layers (about 350 MB).
set -eu
quern=$1
build=$2
out=$3
mkdir -p "$out"
model=${BENCH_MODEL:-$out/model.onnx}
dims=${BENCH_DIMS:---dim height=224 --dim width=224}
[ -f "$model" ] || "$build/demo/make_model" "$model" 768 12

echo "## Matrix products, GFLOP/s"
echo
"$build/tests/bench/bench_gemm"
echo

# seconds and peak resident kilobytes of a command, as "SECONDS KB"
measure() {
    python3 - "$@" <<'P'
import os, resource, subprocess, sys, time
start = time.monotonic()
subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL)
print(f"{time.monotonic() - start:.3f} {resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss}")
P
}
median() { sort -n | sed -n 3p; }

echo "## Conversion of $(basename "$model") ($(stat -c %s "$model") bytes), medians of five in turn with cp"
echo
echo "| to | seconds | cp seconds | ratio | peak MB | package bytes |"
echo "|---|---|---|---|---|---|"
cat "$model" >/dev/null
for variant in fp32 fp16 bf16 int8; do
    case $variant in int8) options='--weights int8' ;; *) options="--precision $variant" ;; esac
    : >"$out/convert.txt"
    : >"$out/cp.txt"
    for _ in 1 2 3 4 5; do
        rm -f "$out/$variant.quern" "$out/copy"
        # shellcheck disable=SC2086
        measure "$quern" convert -q "$model" -o "$out/$variant.quern" $options >>"$out/convert.txt"
        measure cp "$model" "$out/copy" >>"$out/cp.txt"
    done
    rm -f "$out/copy"
    a=$(cut -d' ' -f1 "$out/convert.txt" | median)
    b=$(cut -d' ' -f1 "$out/cp.txt" | median)
    peak=$(cut -d' ' -f2 "$out/convert.txt" | median)
    echo "| $variant | $a | $b | $(echo "$a $b" | awk '{printf "%.2f", $1 / $2}') | $((peak / 1024)) | $(stat -c %s "$out/$variant.quern") |"
done

echo
echo "## Running, $dims"
echo
echo '```'
# shellcheck disable=SC2086
"$quern" bench "$out/fp32.quern" "$out/fp16.quern" "$out/bf16.quern" "$out/int8.quern" $dims
echo '```'
