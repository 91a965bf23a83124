# exit: 0
$QUERN convert model.onnx -o w.quern -v --weights int4 --weights 'op:Conv=int8' --weights 'encoder.layer.0.mlp.*=palette4:group=8' \
    --weights 'encoder.layer.0.attention.output.weight=none' --weights head.conv2.weight=int4:block=16 >convert.txt 2>log.txt
sed -n '/^  scheme/,/^  .*bits a weight/p' convert.txt | awk '/weight|scheme/ {print $1, $2, $3, $4, $NF ~ /\)$/ ? "left" : $6}'
# the package says the same
$QUERN inspect w.quern --weights | sed -n '/^  scheme/,$p' >inspect.txt
sed -n '/^  scheme/,/^  .*bits a weight/p' convert.txt | cmp - inspect.txt && echo same
$QUERN inspect w.quern | grep -o -- '--precision.*'
# as JSON, in both
$QUERN convert model.onnx -o w.quern -q --weights int8 --weights 'head.*=none' --json >c.json
$QUERN inspect w.quern --weights --json >i.json
python3 - <<'P'
import json
c, i = json.load(open("c.json"))["tensors"], json.load(open("i.json"))["weights"]
assert c == i
for t in c:
    assert set(t) == {"name", "dtype", "storage", "shape", "bytes", "scheme", "bits_per_weight", "sqnr_db", "reason"}
    assert (t["scheme"] == "") == (t["sqnr_db"] is None)
head = {t["name"]: t for t in c}["head.conv1.weight"]
assert head["scheme"] == "" and head["reason"] == "left by a rule" and head["bits_per_weight"] == 32
print("ok")
P
# a recipe says it too, and gives the same bytes; rules of the command line come after its own
cat >r.yaml <<'Y'
weights: int8
weight_rules: {"head.*": none}
Y
$QUERN convert model.onnx -o r.quern -q --recipe r.yaml && cmp r.quern w.quern && echo "same bytes"
$QUERN convert model.onnx -o r.quern -q --recipe r.yaml --weights 'head.*=int6' && $QUERN inspect r.quern | grep -o -- '--precision.*'
# what names nothing is warned of
$QUERN convert model.onnx -o r.quern --weights 'decoder.*=int4' 2>&1 >/dev/null
# nothing is lost: what a mask leaves out is told by the numbers
$QUERN convert model.onnx -o p.quern -q --weights 'values:prune=2/4' --json |
    python3 -c 'import json, sys; print(sorted({t["bits_per_weight"] for t in json.load(sys.stdin)["tensors"] if t["scheme"]}))'
