#!/bin/sh
# The whole road on a model that the project makes itself: convert to four packages, run them, compare them.
set -eu
quern=$1
make_model=$2
out=$3
mkdir -p "$out"
"$make_model" "$out/model.onnx"
size='--dim height=224 --dim width=224'

echo "== convert =="
for variant in fp32 fp16 bf16; do
    "$quern" convert "$out/model.onnx" -o "$out/$variant.quern" --precision $variant
done
"$quern" convert "$out/model.onnx" -o "$out/int8.quern" --weights int8:per_channel

echo
echo "== run =="
for variant in fp32 fp16 bf16 int8; do
    # shellcheck disable=SC2086
    "$quern" run -q "$out/$variant.quern" --random 1 $size -o "$out/$variant"
done

echo
echo "== compare: bytes, load time, latency, cosine and SQNR against the source =="
# shellcheck disable=SC2086
"$quern" compare "$out/model.onnx" "$out/fp32.quern" "$out/fp16.quern" "$out/bf16.quern" "$out/int8.quern" \
    --random 1 $size --runs 5 --summary --min-cosine 0.99
