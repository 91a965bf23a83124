# exit: 2
python3 - <<'P'
import os, struct
def npy(shape, number):
    n, head = 1, "{'descr': '<f4', 'fortran_order': False, 'shape': %r, }" % (shape,)
    for d in shape:
        n *= d
    head += " " * (53 - len(head) % 64) + "\n" if len(head) % 64 <= 53 else " " * (117 - len(head) % 64) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head.encode() + struct.pack("<%df" % n, *[number * ((i * i) % 17 - 8) for i in range(n)])
os.mkdir("inputs")
for i in range(3):
    open("inputs/%d.npy" % i, "wb").write(npy((1, 3, 28, 28), 0.1 + 0.05 * i))
P
run() { $QUERN convert -q model.onnx -o "$1" --weights int8 --calibrate inputs --activations "$2" $3; }
for observer in minmax average percentile=99.9 entropy mse; do
    run static.quern int8:static:$observer
    $QUERN inspect static.quern | grep products
    $QUERN compare -q model.onnx static.quern -i pixel_values=inputs/1.npy --min-cosine 0.99 >/dev/null || echo "$observer is off"
done
run a.quern int8:static "--equalize 0.5 --bias-correction"
$QUERN compare -q model.onnx a.quern -i pixel_values=inputs/1.npy --min-cosine 0.99 >/dev/null || echo "it is off"
$QUERN inspect a.quern | grep converted
echo 'weights: int8
activations: int8:static
equalize: 0.5
bias_correction: true' >r.yaml
$QUERN convert -q model.onnx -o b.quern --recipe r.yaml --calibrate inputs -t 1
cmp a.quern b.quern && echo "same bytes"
for refused in "--activations int8:static:mse" "--equalize 0.5" "--bias-correction" "--activations int8:static:best" "--equalize 2"; do
    $QUERN convert model.onnx -o never.quern --weights int8 $refused
    echo "exit $?"
done 2>&1
$QUERN convert model.onnx -o never.quern --weights int8 --equalize much
