# exit: 0
for o in '--precision fp32' '--precision fp16' '--precision bf16' '--weights int8'; do
    $QUERN convert -q -t 1 model.onnx -o one.quern $o
    $QUERN convert -q -t 2 model.onnx -o two.quern $o
    QUERN_ISA=scalar $QUERN convert -q model.onnx -o scalar.quern $o
    cmp one.quern two.quern && cmp one.quern scalar.quern && echo "same: $o"
done
