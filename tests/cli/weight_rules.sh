# exit: 2
$QUERN convert model.onnx -q -o rules.quern --weights int8 --weights 'op:Conv=none' --weights 'op:Linear=int4' --weights '*fc1*=palette4' \
    --min-elements 256
echo "exit $?"
$QUERN inspect rules.quern | grep converted
$QUERN inspect --weights --json rules.quern >w.json
$QUERN convert model.onnx -q -o conv.quern --weights 'Conv=int8' --min-elements 256
$QUERN inspect --weights --json conv.quern >v.json
python3 - <<'P'
import json
for f in "w.json", "v.json":
    rows = json.load(open(f))["weights"]
    print(*sorted(set(r["scheme"] or "none" for r in rows if len(r["dims"] if "dims" in r else r["shape"]) > 1)))
P
# the same in a recipe
cat >r.yaml <<'Y'
weights: int8
min_elements: 256
weight_rules:
  "op:Conv": none
  "op:Linear": int4
  "*fc1*": palette4
Y
$QUERN convert model.onnx -q -o recipe.quern --recipe r.yaml && cmp rules.quern recipe.quern && echo "same bytes"
# what names nothing is told; what is no scheme or has no pattern is refused
$QUERN convert model.onnx -o x.quern --weights 'tail.*=int4' 2>&1 | grep 'weight rule'
$QUERN convert model.onnx -q -o y.quern --weights 'op:Conv=int5'
echo "exit $?" >&2
test -e y.quern && echo "a package"
$QUERN convert model.onnx -q -o y.quern --weights '=int8'
