# exit: 1
python3 - <<'P'
import struct, zipfile
def npy(kind, code, shape, values):
    head = "{'descr': '%s', 'fortran_order': False, 'shape': %r, }" % (kind, shape)
    head += " " * (-(len(head) + 11) % 64) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head.encode() + struct.pack("<%d%s" % (len(values), code), *values)
n = 3 * 28 * 28
with zipfile.ZipFile("in.npz", "w") as z:
    z.writestr("pixel_values.npy", npy("<f4", "f", (1, 3, 28, 28), [((i * 37) % 101 - 50) / 50 for i in range(n)]))
open("targets.npy", "wb").write(npy("<i8", "q", (1, 28), [i % 28 if i != 5 else -100 for i in range(28)]))
open("bad.npy", "wb").write(npy("<i8", "q", (1, 28), [28] * 28))
open("flat.npy", "wb").write(npy("<i8", "q", (28,), [0] * 28))
P
compare() { $QUERN compare model.onnx "$@" -i in.npz; }
$QUERN convert -q model.onnx -o int8.quern --weights int8
$QUERN convert -q model.onnx -o int2.quern --weights int2
# itself: nothing is lost
compare model.onnx --targets targets.npy --top-k 3 --max-kl 0 --min-top1 1 --max-loss-increase 0 | grep -c 'as logits: KL 0 nats'
compare int8.quern --targets targets.npy --json >one.json
echo "exit $?"
python3 - <<'P'
import json, math
o = json.load(open("one.json"))["variants"][0]["outputs"][0]
print(sorted(k for k in o if k in ("kl", "top1", "topk", "loss", "perplexity", "reference_loss", "reference_perplexity")))
assert 0 <= o["kl"]["mean"] <= o["kl"]["max"] and o["kl"]["p99"] <= o["kl"]["max"] and 0 <= o["top1"] <= 1 and 0 < o["topk"] <= 1
assert abs(math.exp(o["loss"]) - o["perplexity"]) < 1e-6 * o["perplexity"] and abs(o["loss"] - o["reference_loss"]) < 0.1
P
compare int8.quern --top-k 2 --json | grep -c '"loss"'
for refused in "--targets bad.npy" "--targets flat.npy" "--targets none.npy" "--max-loss-increase 1" "--top-k 0"; do
    compare int8.quern $refused 2>&1 | tail -1
done
compare int2.quern --max-kl 1e-9 | sed -n 's/.*\(FAIL: .*\) [0-9.e-]*\(, bound .*\)/\1 N\2/p'
compare int2.quern --min-top1 1 | sed -n 's/.*\(FAIL: .*\) [0-9.e-]*\(, bound .*\)/\1 N\2/p'
compare int2.quern --targets targets.npy --max-loss-increase -1 | sed -n 's/.*\(FAIL: .*\) [0-9.e-]*\(, bound .*\)/\1 N\2/p'
compare int2.quern --targets targets.npy --max-kl 1e-9 >/dev/null
