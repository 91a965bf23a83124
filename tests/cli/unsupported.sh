# exit: 4
try() { $QUERN "$@"; echo "exit $?" >&2; }
try convert model.onnx -o x.quern --weights palette4
try inspect model.safetensors
$QUERN convert bernoulli.onnx -o x.quern
