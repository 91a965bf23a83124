# exit: 0
mkdir out
"${QUERN%/quern}/examples/variants" model.onnx out | sed 's/cosine.*/cosine/'
ls out
