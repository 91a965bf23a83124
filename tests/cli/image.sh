# exit: 0
python3 - <<'P'
import struct, zlib
def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
w, h = 90, 61
rows = b"".join(b"\0" + bytes(v for x in range(w) for v in (x * 2, y * 4, (x * y) % 256)) for y in range(h))
with open("photo.png", "wb") as f:
    f.write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", w, h, 8, 2, 0, 0, 0)) +
            chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))
open("broken.png", "wb").write(open("photo.png", "rb").read()[:200])
open("processor.json", "w").write('{"image_processor_type": "DPTImageProcessor", "size": {"height": 42, "width": 42}, '
    '"keep_aspect_ratio": true, "ensure_multiple_of": 14, "image_mean": [0.485, 0.456, 0.406], "image_std": [0.229, 0.224, 0.225]}')
open("padded.json", "w").write('{"image_processor_type": "DPTImageProcessor", "do_pad": true}')
P
$QUERN convert -q model.onnx -o m.quern --processor processor.json
$QUERN inspect m.quern | grep photo
$QUERN run -q m.quern --image photo.png --save depth.png | cut -c1-34
$QUERN run -q m.quern --image photo.png --save grey.png --save-as grey16 | tail -1
$QUERN run -q m.quern --image photo.png --save depth.npy --save-output depth | tail -1
$QUERN run -q model.onnx --image photo.png --processor processor.json --save source.npy | tail -1
$QUERN run -q m.quern --image photo.png --save again.png --json >run.json
python3 - <<'P'
import json, struct, zlib
def png(path):
    data, at, out, texts = open(path, "rb").read(), 8, b"", {}
    while at < len(data):
        n, kind = struct.unpack(">I4s", data[at:at + 8])
        body = data[at + 8:at + 8 + n]
        if kind == b"IHDR":
            head = struct.unpack(">IIBB", body[:10])
        if kind == b"IDAT":
            out += body
        if kind == b"tEXt":
            key, text = body.split(b"\0")
            texts[key.decode()] = float(text)
        at += n + 12
    return head, zlib.decompress(out), texts
def npy(path):
    data = open(path, "rb").read()
    at = 10 + struct.unpack("<H", data[8:10])[0]
    return struct.unpack("<%df" % ((len(data) - at) // 4), data[at:])
assert png("depth.png")[0] == (90, 61, 8, 2), png("depth.png")[0]
head, rows, texts = png("grey.png")
assert head == (90, 61, 16, 0), head
x = npy("depth.npy")
assert len(x) == 90 * 61 and npy("source.npy") != ()
low, high = texts["depth_min"], texts["depth_max"]
single = lambda v: struct.unpack("<f", struct.pack("<f", v))[0]
assert single(low) == min(x) and single(high) == max(x)
# rows with their filters undone: 2 bytes a pixel
previous, grey, size = bytes(180), [], 181
for y in range(61):
    kind, row = rows[y * size], bytearray(rows[y * size + 1:(y + 1) * size])
    for i in range(180):
        a, b, c = row[i - 2] if i > 1 else 0, previous[i], previous[i - 2] if i > 1 else 0
        p = a + b - c
        paeth = min((abs(p - a), 0, a), (abs(p - b), 1, b), (abs(p - c), 2, c))[2]
        row[i] = (row[i] + (0, a, b, (a + b) // 2, paeth)[kind]) & 255
    grey += struct.unpack(">90H", row)
    previous = bytes(row)
assert max(abs(low + g / 65535 * (high - low) - v) for g, v in zip(grey, x)) <= (high - low) / 131070 * 1.00001
run = json.load(open("run.json"))
assert run["saved"] == [{"output": "depth", "map": 0, "file": "again.png"}], run["saved"]
assert open("again.png", "rb").read() == open("depth.png", "rb").read()
P
refuse() {
    "$@"
    echo "exit $?" >&2
}
refuse $QUERN run model.onnx --image photo.png
refuse $QUERN run m.quern --image broken.png
refuse $QUERN run m.quern --image run.json
refuse $QUERN run m.quern --image none.png
refuse $QUERN run m.quern --image photo.png --save depth.jpg
refuse $QUERN run m.quern --image photo.png --save depth.png --save-as rainbow
refuse $QUERN run m.quern --image photo.png --save depth.npy --save-as grey16
refuse $QUERN run m.quern --save-as grey16
refuse $QUERN run -q m.quern --image photo.png --save depth.png --save-output colour >/dev/null
python3 - <<'P'
def field(number, data):
    if isinstance(data, int):
        return bytes([number << 3, data])
    data = data.encode() if isinstance(data, str) else data
    return bytes([number << 3 | 2, len(data)]) + data
def port(name, dims):
    shape = b"".join(field(1, field(1, d) if isinstance(d, int) else field(2, d)) for d in dims)
    return field(1, name) + field(2, field(1, field(1, 1) + field(2, shape)))
perm = field(1, "perm") + b"".join(field(8, i) for i in (0, 3, 2, 1)) + bytes([20 << 3 & 0x7f | 0x80, 1, 7])
node = field(1, "x") + field(2, "rays") + field(4, "Transpose") + field(5, perm)
graph = field(1, node) + field(2, "g") + field(11, port("x", [1, 3, "h", "w"])) + field(12, port("rays", [1, "w", "h", 3]))
open("rays.onnx", "wb").write(field(1, 8) + field(7, graph) + field(8, field(2, 17)))
P
refuse $QUERN run -q rays.onnx --image photo.png --processor processor.json --save rays.png >/dev/null
refuse $QUERN run model.onnx --image photo.png --processor padded.json
refuse $QUERN convert -q model.onnx -o n.quern --processor padded.json
$QUERN run -q m.quern --image photo.png --image photo.png --save two.npy | tail -2
$QUERN convert -q m.quern -o half.quern --precision fp16 --calibrate photo.png
$QUERN compare m.quern half.quern --image photo.png --json >compared.json
$QUERN compare model.onnx m.quern --image photo.png --processor processor.json --min-cosine 0.9999 --json >source.json && echo compared
$QUERN bench m.quern --image photo.png --runs 1 --json >bench.json
python3 - <<'P'
import json
row = json.load(open("compared.json"))["variants"][0]["outputs"][0]
assert 0.999 < row["cosine"] <= 1 and row["max_abs"] > 0, row
assert json.load(open("bench.json"))["results"][0]["latency_ms"]["median"] > 0
P
refuse $QUERN compare model.onnx m.quern --image photo.png
refuse $QUERN convert -q model.onnx -o n.quern --precision fp16 --calibrate photo.png
ls *.quern rays*
