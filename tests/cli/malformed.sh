# exit: 3
$QUERN convert -q model.onnx -o good.quern
head -c 1000 good.quern >short.quern
$QUERN verify short.quern
echo "exit $?" >&2
cp good.quern bad.quern
printf 'X' | dd of=bad.quern bs=1 seek=200 conv=notrunc 2>/dev/null
$QUERN verify bad.quern 2>/dev/null
echo "exit $?" >&2
$QUERN run short.quern
echo "exit $?" >&2
$QUERN convert broken.onnx -o x.quern
code=$?
ls x.quern* 2>/dev/null
exit $code
