# exit: 0
$QUERN convert model.onnx -o fp16.quern --precision fp16 | sed 's/ in [0-9.]* s$//; s/became a package of .*/became a package/'
$QUERN verify fp16.quern
$QUERN inspect fp16.quern --json >inspect.json
grep -c '"parameters"' inspect.json
unzip -tq fp16.quern >/dev/null 2>&1 || python3 -m zipfile -t fp16.quern >/dev/null || echo "not a good archive"
