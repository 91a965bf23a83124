# exit: 4
try() { $QUERN "$@"; echo "exit $?" >&2; }
try convert model.onnx -o x.quern --weights palette4
$QUERN convert bernoulli.onnx -o x.quern
