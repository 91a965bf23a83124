# exit: 0
$QUERN convert -q model.onnx -o a.quern --weights int8 --activations int8
$QUERN inspect a.quern | grep -e products -e converted
echo 'weights: int8
activations: int8' >r.yaml
$QUERN convert -q model.onnx -o b.quern --recipe r.yaml
cmp a.quern b.quern && echo "same bytes"
$QUERN convert model.onnx -o kept.quern --weights int8 --activations int8 --keep-fp32 'MultiHead*' -v 2>&1 |
    grep -e ^quantize_activations -e keeps | sed 's/  *[0-9.]*$//'
$QUERN convert -q model.onnx -o a.quern --weights int8 --activations int8 --validate
$QUERN convert model.onnx -o c.quern --activations int8
echo "exit $?"
