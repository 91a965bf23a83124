# exit: 5
$QUERN inspect nothing.onnx
echo "exit $?" >&2
$QUERN convert model.onnx -o no/such/folder/x.quern
