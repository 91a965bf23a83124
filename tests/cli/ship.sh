# exit: 3
$QUERN convert model.onnx -o plain.quern --precision bf16 --json >plain.json
$QUERN convert model.onnx -o ship.quern --precision bf16 --ship --json >ship.json
$QUERN convert model.onnx -o ship.quern --precision bf16 --ship | grep -c '^shipping form: '
$QUERN verify ship.quern
$QUERN inspect ship.quern | sed -n '2s/of .*/of/p'
$QUERN inspect ship.quern --json >inspect.json
$QUERN inspect plain.quern --json >inspect-plain.json
$QUERN compare plain.quern ship.quern --dim height=28 --dim width=28 --min-cosine 1 -q
$QUERN unpack ship.quern -o unpacked.quern | sed 's/: .*/: unpacked/'
cmp plain.quern unpacked.quern
$QUERN convert plain.quern -o again.quern --precision bf16 -q
cp again.quern want.quern
$QUERN convert ship.quern -o again.quern --precision bf16 --ship -q
$QUERN unpack again.quern -o again-unpacked.quern -q
cmp want.quern again-unpacked.quern
python3 - <<'P'
import json, os
load = lambda f: json.load(open(f + ".json"))
c, p, i, j = load("ship"), load("plain"), load("inspect"), load("inspect-plain")
ship, plain = os.path.getsize("ship.quern"), os.path.getsize("plain.quern")
assert c["shipped"] == ship and c["bytes"] == p["bytes"] == plain and p["shipped"] is None
assert i["shipped"] == i["file_bytes"] == ship and i["expanded"] == plain and i["bytes"] == j["bytes"]
assert j["shipped"] is None and j["expanded"] is None and ship < 0.85 * plain
P
$QUERN inspect ship.quern -v 2>&1 | grep -c 'without a name'
$QUERN unpack plain.quern -o x.quern
echo "exit $?" >&2
$QUERN unpack ship.quern
echo "exit $?" >&2
head -c 3000 ship.quern >bad.quern
tail -c +3002 ship.quern | (printf '\377'; cat) >>bad.quern
$QUERN unpack bad.quern -o x.quern 2>/dev/null
code=$?
ls x.quern* 2>/dev/null
exit $code
