# exit: 0
try() { $QUERN convert model.onnx -o x.quern --weights "$@"; echo "exit $?" >&2; }
try int9
try 'head.*=int9'
try int4:block=0
try int4:bock=32
try palette4:kmeans:uniform
try values
try =int8
# the very name of a tensor that cannot be so; a pattern is warned of
try head.conv1.weight=palette4:unique
$QUERN convert model.onnx -o y.quern --weights 'head.conv1.*=palette4:unique' >/dev/null
try int4:gptq:awq
