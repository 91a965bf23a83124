# exit: 1
$QUERN convert -q model.onnx -o int8.quern --weights int8 --min-elements 1
$QUERN compare model.onnx int8.quern --random 3 --dim height=56 --dim width=70 --min-cosine 0.9 --summary >/dev/null
echo "exit $?"
$QUERN compare model.onnx int8.quern --random 3 --dim height=56 --dim width=70 --json >out.json
python3 - <<'P'
import json
d = json.load(open("out.json"))
v = d["variants"][0]
o = v["outputs"][0]
print(sorted(v), sorted(o))
assert v["file"] == "int8.quern" and v["bytes"] > 0 and v["pass"] is True
assert 0.9 < o["cosine"] <= 1 and o["max_abs"] > 0 and o["sqnr_db"] > 10
P
$QUERN compare model.onnx int8.quern --random 3 --dim height=56 --dim width=70 --max-abs 1e-9 >/dev/null
