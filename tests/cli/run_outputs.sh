# exit: 0
$QUERN run -q model.onnx --random 5 --dim height=42 --dim width=28 -o out | cut -c1-38
$QUERN run -q model.onnx --random 5 --dim height=42 --dim width=28 --probe 'patch*' --probe '*Softmax*' --json >probes.json
python3 - <<'P'
import json
d = json.load(open("probes.json"))
assert d["outputs"][0]["shape"] == [1, 42, 28] and d["outputs"][0]["not_finite"] == 0
assert len(d["probes"]) == 1 and d["probes"][0]["shape"] == [1, 1, 6, 6], d["probes"]
P
ls out
$QUERN convert -q model.onnx -o m.quern --dim height=14..2072:14 --dim width=28|70 2>/dev/null
$QUERN convert -q model.onnx -o m.quern --dim height=14..2072:14 --dim 'width=28|70'
$QUERN run -q m.quern --random 5 --dim height=42 --dim width=28 -o again >/dev/null
ls again
$QUERN run -q m.quern --dim height=43 --dim width=28
echo "exit $?" >&2
$QUERN run -q m.quern --dim height=42 --dim width=42
echo "exit $?" >&2
