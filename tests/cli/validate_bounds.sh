# exit: 0
try() { $QUERN convert -q model.onnx -o v.quern --weights int8 "$@" 2>err; echo "exit $?"; sed 's/ [-0-9.e]*,/ X,/' err; }
try --validate
try --validate --min-cosine 1
try --validate --min-sqnr 200
try --validate --max-abs 1e-9
try --validate --max-rel 1e-9
try --max-rel 1e-9
try --validate --max-rel some
# a recipe's bounds hold, the command line's win
echo 'validate: {max_rel: 1e-9}' >r.yaml
try --recipe r.yaml
try --recipe r.yaml --validate
try --recipe r.yaml --validate --max-rel 0.5
$QUERN convert model.onnx -o v.quern --precision fp16 --validate --json >v.json
python3 - <<'P'
import json
row = json.load(open("v.json"))["validation"][0]
print(sorted(row), row["name"], row["pass"])
assert row["cosine"] > 0.999 and row["max_abs"] > 0 and row["why"] == ""
P
