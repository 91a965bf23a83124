# exit: 0
$QUERN convert -q model.onnx -o fp16.quern --precision fp16
$QUERN compare model.onnx fp16.quern --random 3 --dim height=56 --dim width=70 --layers --json --report r.html >out.json
python3 - <<'P'
import json
layers = json.load(open("out.json"))["variants"][0]["layers"]
names = [l["name"] for l in layers]
assert len(names) > 15 and len(set(names)) == len(names), names
assert all(l["cosine"] > 0.999 for l in layers), layers
print("layers")
P
grep -c '<polyline' r.html
