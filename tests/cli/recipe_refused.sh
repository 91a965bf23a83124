# exit: 5
try() { printf "$1" >r.yaml; $QUERN convert model.onnx -o x.quern --recipe r.yaml; echo "exit $?" >&2; }
try 'precision: fp16\nprecison: fp16\n'
try 'precision: fp8\n'
try 'validate: {precision: fp16}\n'
try 'precision: *p\n'
try 'dims: {depth: 3}\n'
ls x.quern* 2>/dev/null
$QUERN convert model.onnx -o x.quern --recipe none.yaml
