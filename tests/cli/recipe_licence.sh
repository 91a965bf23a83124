# exit: 0
cat >large.yaml <<'Y'
description: a depth model, fp16
source: someone/depth-large
licence: CC-BY-NC-4.0
precision: fp16
keep_fp32:
  - {pattern: "LayerNorm*", why: to see the reason}
  - pattern: "*cam_dec*"
    why: no such module here
dims:
  batch: 1..16
  height: 14..2072:14
  width: 14..2072:14
validate:
  min_cosine: 0.9999
Y
$QUERN convert model.onnx -o m.quern --recipe large.yaml --validate -v 2>&1 | grep -e warning -e kept -e named
$QUERN inspect m.quern | grep -e licence -e converted -e dim
$QUERN inspect m.quern --json | grep '"licence"'
# the reason is no part of the package
sed 's/, why: to see the reason//' large.yaml >bare.yaml
$QUERN convert -q model.onnx -o bare.quern --recipe bare.yaml
cmp m.quern bare.quern && echo "same bytes"
