#!/bin/sh
# make bench-models: full-size models with seeded weights into a folder, by the reference implementation in $SHARED/refmodels.
# Arguments: folder, then minilm, dav2-small, dav2-base, dav2-large, da3-large, depthpro.
set -eu
out=$1
shift
python=/usr/bin/python3
if ! "$python" -c 'import torch, onnx, numpy' 2>/dev/null; then
    echo "make bench-models needs Debian's python3-torch, python3-onnx and python3-numpy"
    exit 1
fi
if [ ! -d "$SHARED/refmodels" ]; then
    echo "make bench-models needs $SHARED/refmodels"
    exit 1
fi
for name in "$@"; do
    if [ -f "$out/$name/model.onnx" ] || [ -f "$out/$name/made.json" ]; then
        continue
    fi
    echo "$name"
    case $name in
    minilm) "$python" "$SHARED/refmodels/text/make.py" bert minilm "$out/$name" --onnx --golden 0 ;;
    depthpro) "$python" "$SHARED/refmodels/vision/make.py" depthpro full "$out/$name" --golden 0 ;;
    da3-large) "$python" "$SHARED/refmodels/vision/make.py" da3 large "$out/$name" --golden 0 ;;
    dav2-*) "$python" "$SHARED/refmodels/vision/make.py" dav2 "${name#dav2-}" "$out/$name" --onnx --golden 0 ;;
    *)
        echo "no model '$name': minilm, dav2-small, dav2-base, dav2-large, da3-large or depthpro"
        exit 1
        ;;
    esac
done
