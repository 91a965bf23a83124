# exit: 3
python3 - <<'P'
import os, struct, zipfile
def npy(shape, number):
    n, head = 1, "{'descr': '<f4', 'fortran_order': False, 'shape': %r, }" % (shape,)
    for d in shape:
        n *= d
    head += " " * (53 - len(head) % 64) if len(head) % 64 <= 53 else " " * (117 - len(head) % 64)
    head += "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head.encode() + struct.pack("<%df" % n, *[number * (i % 7 - 3) for i in range(n)])
os.mkdir("inputs"), os.mkdir("loud"), os.mkdir("empty")
open("inputs/a.npy", "wb").write(npy((1, 3, 28, 28), 0.3))
open("inputs/notes.txt", "w").write("not an array")
with zipfile.ZipFile("loud/in.npz", "w") as z:
    z.writestr("in.pixel_values.npy", npy((2, 3, 14, 42), 10000))
with zipfile.ZipFile("other.npz", "w") as z:
    z.writestr("pixels.npy", npy((1, 3, 28, 28), 1))
P
run() { $QUERN convert model.onnx -o m.quern "$@" 2>&1; }
# within the range nothing changes but the line that the package keeps
run -p fp16 --calibrate inputs -v | grep -e calib -e "kept in"
$QUERN inspect m.quern | grep converted
# outside it, what makes and reads large values stays
run -p fp16 --calibrate loud -v | sed -n '/kept in/,/^$/p' | sed 's/reaches [0-9]*/reaches N/; /^    /d'
run -p fp16 --calibrate loud/in.npz --json | grep -c '"max_abs": [1-9]'
# ranges decide nothing here
run -p bf16 --calibrate inputs -v | grep calib
run --calibrate inputs -v --weights int8 | grep calib
# codes that make up for each other
run --calibrate inputs -v --weights int4:gptq | grep -c "outputs differ by -"
$QUERN inspect m.quern --weights | grep -c "int4:gptq"
run --weights 'int4:gptq'; echo "exit $?"
run --weights int8 --weights 'op:Linear=int4:importance'; echo "exit $?"
for refused in "--calibrate empty" "--calibrate other.npz" "--calibrate nowhere" "--calibrate inputs/notes.txt" \
    "--calibrate inputs --dim height=42"; do
    run -p fp16 $refused
    echo "exit $?"
done
$QUERN convert model.onnx -o never.quern -p fp16 --calibrate empty
code=$?
test -e never.quern && echo "a partial package"
exit $code
