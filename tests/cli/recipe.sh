# exit: 0
cat >r.yaml <<'Y'
description: all that a recipe says, as options say it
precision: fp16
weights: int8
min_elements: 64
keep_fp32: [Softmax, "it's*"]
dims: {height: "14..2072:14", width: 28|70}
licence: CC0-1.0
validate: {min_cosine: 0.9}
Y
$QUERN convert -q model.onnx -o recipe.quern --recipe r.yaml
$QUERN convert -q model.onnx -o options.quern --precision fp16 --weights int8 --min-elements 64 --keep-fp32 Softmax \
    --keep-fp32 "it's*" --dim height=14..2072:14 --dim 'width=28|70' --licence CC0-1.0
cmp recipe.quern options.quern && echo "same bytes"
$QUERN inspect recipe.quern | grep converted
# options win; a dimension by its name; patterns add up
$QUERN convert -q model.onnx -o won.quern --recipe r.yaml --precision bf16 --weights int8:per_tensor --min-elements 8 \
    --keep-fp32 Resize --dim width=42 --dim batch=1 --licence mine
$QUERN inspect won.quern | grep converted
$QUERN inspect won.quern --json | grep '"licence"'
# what the package keeps makes it again
line=$($QUERN inspect won.quern | sed -n 's/.*converted by quern [0-9.]*: //p')
eval "$QUERN convert -q model.onnx -o again.quern --licence mine $line" && cmp won.quern again.quern && echo "made again"
