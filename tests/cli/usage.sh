# exit: 2
try() { $QUERN "$@"; echo "exit $?" >&2; }
try frobnicate
try convert model.onnx
try convert
try convert model.onnx -o ./model.onnx
try convert model.onnx -o x.quern --precision fp8
try convert model.onnx -o x.quern --weights int9
try convert model.onnx -o x.quern --precise
try convert model.onnx -o x.quern --dim depth=3
try convert model.onnx -o x.quern --dim height=9..3
try run model.onnx --threads 0
try run model.onnx --input nothing=x.npy
try run model.onnx --dim height=15 --dim width
try compare model.onnx
try bench model.onnx --runs many >/dev/null
try inspect model.onnx bernoulli.onnx
ls *.quern 2>/dev/null
$QUERN verify
