# exit: 4
try() { $QUERN "$@"; echo "exit $?" >&2; }
$QUERN convert bernoulli.onnx -o x.quern
