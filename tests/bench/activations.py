"""int8 weights with 8 bit inputs of products: cosine and SQNR by observer, with equalisation and bias correction."""
import zipfile
from common import *

ACTIVATIONS = [None, "int8:dynamic", "int8:static:minmax", "int8:static:average", "int8:static:percentile=99.9",
               "int8:static:percentile=99.99", "int8:static:entropy", "int8:static:mse"]
EXTRAS = [("plain", []), ("equalised", ["--equalize", "0.5"]), ("bias corrected", ["--bias-correction"]),
          ("both", ["--equalize", "0.5", "--bias-correction"])]
OUT_HERE = os.path.join(OUT, "activations")


def read_npy(stored):
    """(shape, array.array) of the bytes of a float32 or int64 .npy."""
    size = int.from_bytes(stored[8:10], "little")
    head = eval(stored[10:10 + size])
    data = array.array({"<f4": "f", "<i8": "q"}[head["descr"]])
    data.frombytes(stored[10 + size:])
    return head["shape"], data


def write_npz(path, arrays):
    """arrays: {name: (shape, array.array)}."""
    with zipfile.ZipFile(path, "w") as z:
        for name, (shape, data) in arrays.items():
            descr = {"f": "<f4", "q": "<i8"}[data.typecode]
            part = write_npy(path + ".npy", descr, shape, data.tobytes())
            z.write(part, f"{name}.npy")
            os.remove(part)
    return path


def token_arrays(ids, length):
    n = len(ids)
    shape = (n // length, length)
    return {"input_ids": (shape, array.array("q", ids)), "attention_mask": (shape, array.array("q", [1] * n)),
            "token_type_ids": (shape, array.array("q", [0] * n))}


def text_case(folder):
    """Random ids: eight samples to calibrate on, other ones to judge by."""
    ids = pseudo_random(16 * 32, 30522)
    for i in range(8):
        write_npz(os.path.join(folder, "calibrate", f"{i}.npz"), token_arrays(ids[32 * i:32 * i + 32], 32))
    return write_npz(os.path.join(folder, "judge.npz"), token_arrays(ids[256:], 32))


def golden_case(folder, judge, calibrate):
    for i, path in enumerate(calibrate):
        shutil.copy(path, os.path.join(folder, "calibrate", f"{i}.npz"))
    return judge


def photo_case(folder, golden, name):
    """One photo: calibrated on its mirror image and on its quarters enlarged, judged by itself."""
    with zipfile.ZipFile(golden) as z:
        shape, x = read_npy(z.read(f"in.{name}.npy"))
    _, c, h, w = shape
    def picture(at):
        return array.array("f", (x[(k * h + i) * w + j] for k in range(c) for i, j in (at(i, j) for i in range(h) for j in range(w))))
    views = [lambda i, j: (i, w - 1 - j)] + [lambda i, j, a=a, b=b: (a * h // 2 + i // 2, b * w // 2 + j // 2)
                                              for a in range(2) for b in range(2)]
    for i, at in enumerate(views):
        write_npz(os.path.join(folder, "calibrate", f"{i}.npz"), {name: (shape, picture(at))})
    return golden


def gpt2_case(folder, source):
    """Text of its own to calibrate on and to judge by."""
    for part in ("calib", "eval"):
        with open(os.path.join(source, f"{part}_ids.npy"), "rb") as f:
            shape, ids = read_npy(f.read())
        if part == "eval":
            ids, shape = ids[:4 * shape[1]], (4, shape[1])
            return write_npz(os.path.join(folder, "judge.npz"), gpt2_arrays(shape, ids))
        for i in range(16):
            write_npz(os.path.join(folder, "calibrate", f"{i:02}.npz"), gpt2_arrays((1, shape[1]), ids[shape[1] * i:shape[1] * (i + 1)]))


def gpt2_arrays(shape, ids):
    return {"input_ids": (shape, ids), "attention_mask": (shape, array.array("q", [1] * len(ids))),
            "position_ids": (shape, array.array("q", list(range(shape[1])) * shape[0]))}


def judge(source, package, inputs):
    """Worst cosine and SQNR over the outputs."""
    done = subprocess.run([QUERN, "compare", "-q", "--json", source, package, "-i", inputs], capture_output=True, text=True)
    if done.returncode:
        return done.stderr.strip()
    rows = json.loads(done.stdout)["variants"][0]["outputs"]
    return f"{min(r['cosine'] for r in rows):.5f} ({min(r['sqnr_db'] for r in rows):.1f})"


def measure(label, source, folder, inputs):
    package = os.path.join(folder, "model.quern")
    for activations in ACTIVATIONS:
        cells = []
        for _, options in EXTRAS:
            done = subprocess.run([QUERN, "convert", "-q", source, "-o", package, "--weights", "int8",
                                   "--calibrate", os.path.join(folder, "calibrate"), *options,
                                   *(["--activations", activations] if activations else [])], capture_output=True, text=True)
            cells.append(done.stderr.strip() if done.returncode else judge(source, package, inputs))
        row(label, activations.removeprefix("int8:") if activations else "weights alone", *cells)


def cases():
    bert, gpt2 = os.path.join(SHARED, "checkpoints", "tiny-bert"), os.path.join(SHARED, "checkpoints", "trained-gpt2")
    yolox, dav2 = os.path.join(SHARED, "models", "yolox-nano"), os.path.join(MODELS, "dav2-small")
    return [
        ("tiny-bert", bert, lambda f: golden_case(f, f"{bert}/golden0.npz", [f"{bert}/golden{i}.npz" for i in (1, 2, 3)])),
        ("trained-gpt2", gpt2, lambda f: gpt2_case(f, gpt2)),
        ("yolox-nano", yolox, lambda f: photo_case(f, f"{yolox}/golden0.npz", "images")),
        ("all-MiniLM-L6-v2", os.path.join(MODELS, "minilm"), text_case),
        ("Depth Anything V2 Small", dav2, lambda f: golden_case(f, f"{dav2}/golden.npz", [f"{dav2}/golden1.npz"])),
    ]


print("\n## int8 weights and activations: cosine (SQNR, dB) of the worst output")
table("model", "activations", *(name for name, _ in EXTRAS), left=2)
only = os.environ.get("BENCH_ONLY", "").split()
for label, where, make in cases():
    source = os.path.join(where, "model.onnx")
    if only and os.path.basename(where) not in only:
        continue
    if not os.path.exists(source):
        skip(f"{source} is not here")
        continue
    folder = os.path.join(OUT_HERE, os.path.basename(where))
    os.makedirs(os.path.join(folder, "calibrate"), exist_ok=True)
    measure(label, source, folder, make(folder))
