# exit: 2
python3 - <<'P'
import os, struct, zipfile
def npy(shape, number):
    n, head = 1, "{'descr': '<f4', 'fortran_order': False, 'shape': %r, }" % (shape,)
    for d in shape:
        n *= d
    head += " " * (-(len(head) + 11) % 64) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head.encode() + struct.pack("<%df" % n, *[number * ((i * 37) % 101 - 50) for i in range(n)])
os.mkdir("inputs")
for k in range(2):
    with zipfile.ZipFile("inputs/%d.npz" % k, "w") as z:
        z.writestr("pixel_values.npy", npy((1, 3, 28, 28), 0.02 * (k + 1)))
P
size() { python3 -c 'import os, sys; print("at most" if os.path.getsize(sys.argv[1]) <= int(sys.argv[2]) else "more than", sys.argv[2])' "$@"; }
present() { for f in "$@"; do test -e $f && echo "$f" || echo "no $f"; done; }
tune() { $QUERN tune model.onnx --calibrate inputs -s int8 -s int4 "$@"; }
# a size
tune --budget 240kB -o small.quern --state costs.json --recipe found.yaml --curve found.svg --json >first.json
echo "exit $?"
size small.quern 240000
present found.yaml found.svg costs.json small.quern.tuning
$QUERN verify -q small.quern && echo verified
# costs are measured once
tune --budget 240kB -o again.quern --state costs.json --json >second.json
cmp small.quern again.quern && echo "same bytes"
python3 - <<'P'
import json
a, b = (json.load(open(f + ".json")) for f in ("first", "second"))
print(sorted(a))
print(a["measured"] > 0, a["resumed"], b["measured"], b["resumed"] == a["measured"], a["choices"] == b["choices"])
rules = [l for l in open("found.yaml").read().split("weight_rules:\n")[1].splitlines() if l]
print(len(rules) == len(a["choices"]), [p["label"] for p in a["points"] if p["label"]])
P
# the recipe makes the same weights
$QUERN convert model.onnx -q -o recipe.quern --recipe found.yaml
echo "exit $?"
$QUERN inspect --weights --json small.quern >w1.json
$QUERN inspect --weights --json recipe.quern >w2.json
cmp w1.json w2.json >/dev/null || python3 - <<'P'
import json
a, b = (json.load(open(f)) for f in ("w1.json", "w2.json"))
key = [k for k in a if isinstance(a[k], list) and a[k] and "scheme" in a[k][0]][0]
print("same weights" if [(w["name"], w["scheme"], w["bytes"]) for w in a[key]] == [(w["name"], w["scheme"], w["bytes"]) for w in b[key]] else "other weights")
P
$QUERN compare small.quern recipe.quern --dim height=28 --dim width=28 --min-cosine 1 --max-abs 0 -q
echo "exit $?"
# a quality
tune --min-cosine 0.99 -o good.quern -q
echo "exit $?"
$QUERN compare model.onnx good.quern -i inputs/0.npz --min-cosine 0.98 -q
echo "exit $?"
# bounds that cannot be met leave what is there
echo mine >mine.quern
tune --budget 1kB -o mine.quern -q 2>&1 | sed 's/met: .*/met/'
tune --budget 240kB --min-cosine 0.9999999 -o none.quern -q 2>/dev/null
echo "exit $?"
cat mine.quern
present none.quern none.quern.tuning
# refusals
for refused in "--budget 240kB" "--calibrate inputs" "--calibrate inputs --budget 12potatoes -o x" "--calibrate inputs --budget 1MB" \
    "--calibrate inputs --budget 1MB -o model.onnx" "--calibrate inputs --budget 1MB -o x --logits scores" \
    "--calibrate inputs --min-cosine 0.9 --state costs.json -o x" "--calibrate inputs --budget 1MB -o x --scheme int5" \
    "--calibrate nowhere --budget 1MB -o x" "--calibrate inputs --budget 1MB -o x -p int8"; do
    $QUERN tune model.onnx $refused 2>&1 | sed 's/search (.*)/search (...)/'
done
present x
$QUERN tune model.onnx --budget 1MB -o x 2>/dev/null
