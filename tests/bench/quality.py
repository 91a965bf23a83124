"""What weight schemes cost on trained weights: bits a weight against KL divergence (trained-gpt2) and cosine (three vision models).

Weights of the blocks' matrices only, as llama.cpp's figures were measured (../shared/peers/llama_kl.py: no calibration data)."""
import struct, zipfile
from common import *

LLAMA = [("Q8_0", 8.5, 0.000034), ("Q6_K", 6.562, 0.000352), ("Q5_K", 5.5, 0.001444), ("Q4_K", 4.5, 0.005616),
         ("IQ4_NL", 4.5, 0.006345), ("Q4_0", 4.5, 0.009094), ("Q3_K", 3.438, 0.026965), ("Q2_K", 2.625, 0.123601)]
TWO = ":super=bf16/32"
BEST = ["int8:block=16:scale=uint6" + TWO + ":mse", "palette6:block=16:scale=int6" + TWO, "palette5:block=16:scale=int6" + TWO,
        "palette4:block=16:scale=int6" + TWO, "palette3:block=16:scale=int6" + TWO, "palette5:vector=2:block=64:scale=uint6" + TWO]
TUNED = [s + ":gptq" for s in BEST[:5]] + ["palette2:block=16:scale=int6" + TWO + ":gptq"]
LINEAR = ["int8", "int8:block=32", "uint8", "int6", "int6:mse", "int4:per_channel", "int4", "int4:mse", "int4:percentile=99", "uint4", "uint4:mse",
          "int4:block=32x4", "int3", "int3:mse", "uint3:mse", "int2", "int2:mse", "uint2:mse", "int4:block=16:scale=uint6" + TWO + ":mse"]
OTHER = ["fp8_e4m3", "fp8_e5m2", "mxint8", "mxfp8_e4m3", "mxfp8_e5m2", "mxfp6_e2m3", "mxfp6_e3m2", "mxfp4", "nf4", "palette8", "palette6", "palette4",
         "palette4:uniform", "palette4:group=8", "palette4:group=8:group_axis=in", "palette4:per_channel", "palette4:table=int8", "palette3:group=8",
         "palette2:group=8", "palette1:group=8", "palette8:vector=2", "palette8:vector=4", "values:prune=0.5", "int8:prune=0.5", "int8:prune=2/4"]
CALIBRATED = ["int4:importance:mse", "int4:awq", "int4:gptq", "int4:gptq:act_order", "int3:gptq", "int2:block=16:gptq", "mxfp4:gptq", "nf4:gptq"]


# ---- arrays, without numpy ---------------------------------------------------------------------------------------------

def npy(shape, values):
    """int64 numbers as the bytes of an .npy."""
    head = "{'descr': '<i8', 'fortran_order': False, 'shape': (%s), }" % "".join("%d, " % d for d in shape)
    head += " " * (-(len(head) + 11) % 64) + "\n"
    return b"\x93NUMPY\1\0" + struct.pack("<H", len(head)) + head.encode() + array.array("q", values).tobytes()


def read_ids(path):
    with open(path, "rb") as f:
        data = f.read()
    n = struct.unpack("<H", data[8:10])[0]
    head = eval(data[10:10 + n].decode(), {"__builtins__": {}})
    ids = array.array({"<i8": "q", "<i4": "i", "|u1": "B", "<u2": "H"}[head["descr"]])
    ids.frombytes(data[10 + n:])
    return head["shape"], ids


def save_ids(path, rows, ids):
    length = len(ids) // rows
    with zipfile.ZipFile(path, "w") as z:
        z.writestr("input_ids.npy", npy((rows, length), ids))
        z.writestr("attention_mask.npy", npy((rows, length), [1] * len(ids)))
        z.writestr("position_ids.npy", npy((rows, length), list(range(length)) * rows))


# ---- one package ----------------------------------------------------------------------------------------------------------

def converted(source, scheme, *more):
    """The package, bits a weight where there is a scheme, and seconds; None when it is refused."""
    path = os.path.join(OUT, "quality.quern")
    start = time.time()
    out = measured([QUERN, "convert", "-q", "--json", source, "-o", path, "--weights", scheme, *more])
    if out is None:
        return None
    report = json.loads(out)
    weights = [w for w in report["tensors"] if w["scheme"]]
    elements = sum(math.prod(w["shape"]) for w in weights)
    return path, 8 * sum(w["bytes"] for w in weights) / max(elements, 1), time.time() - start, report["bytes"]


def gpt2():
    folder = os.path.join(SHARED, "checkpoints", "trained-gpt2")
    source = os.path.join(folder, "model.onnx")
    if not os.path.exists(source):
        return skip("trained-gpt2: " + source + " is not there")
    inputs, calibration = os.path.join(OUT, "eval.npz"), os.path.join(OUT, "calibration")
    shape, ids = read_ids(os.path.join(folder, "eval_ids.npy"))
    save_ids(inputs, shape[0], ids)
    os.makedirs(calibration, exist_ok=True)
    shape, ids = read_ids(os.path.join(folder, "calib_ids.npy"))
    for i in range(0, shape[0], 16):
        save_ids(os.path.join(calibration, "%02d.npz" % i), 16, ids[i * shape[1]:(i + 16) * shape[1]])
    blocks = ["--weights", "*wte*=none", "--weights", "op:Gather=none", "--weights", "onnx::MatMul_957=none"]

    def show(scheme, *more):
        made = converted(source, scheme, *blocks, *more)
        if not made:
            row("`" + scheme + "`", "refused", "", "", "", "")
            return None
        out = measured([QUERN, "compare", "--json", source, made[0], "--input", inputs, "--targets", os.path.join(folder, "eval_next.npy"),
                        "--top-k", "5"])
        logits = json.loads(out)["variants"][0]["outputs"][0]
        row("`" + scheme + "`", f"{made[1]:.3f}", f"{logits['kl']['mean']:.6f}", f"{logits['kl']['p99']:.5f}", f"{100 * logits['top1']:.2f} %",
            f"{logits['loss']:.4f}")
        return made[1], logits["kl"]["mean"]

    def shows(title, schemes, *more):
        print(f"\n### {title}")
        table("scheme", "bits a weight", "KL, nats", "99 % under", "same first class", "loss")
        return [show(s, *more) for s in schemes]

    print("\n## trained-gpt2: the matrices of its blocks, 8,192 positions, loss 1.1223 in float32")
    shows("Linear schemes", LINEAR)
    shows("Palettes, floating point codes and pruning", OTHER)
    plain = shows("Two levels of scales, without calibration", BEST)
    shows("With calibration", CALIBRATED, "--calibrate", calibration)
    tuned = shows("Two levels of scales, with calibration", TUNED, "--calibrate", calibration)
    print("\n### Against llama.cpp at no more bits")
    table("llama.cpp", "bits", "KL", "quern", "bits", "KL", "ratio", "calibrated", "bits", "KL", "ratio")
    for name, bits, kl in LLAMA:
        cells = [name, f"{bits:.3f}", f"{kl:.6f}"]
        for schemes, found in ((BEST, plain), (TUNED, tuned)):
            fits = [(f, s) for f, s in zip(found, schemes) if f and f[0] <= bits + 1e-9]
            if not fits:
                cells += ["none", "", "", ""]
                continue
            (b, k), scheme = min(fits, key=lambda p: p[0][1])
            cells += ["`" + scheme.split(":")[0] + "`", f"{b:.3f}", f"{k:.6f}", f"{k / kl:.2f}"]
        row(*cells)


# ---- models whose outputs are compared by cosine ------------------------------------------------------------------------------

def golden_cosine(source, scheme, goldens, *more):
    made = converted(source, scheme, *more)
    if not made:
        return None
    cosines = []
    for golden in goldens:
        out = measured([QUERN, "compare", "--json", "--golden", golden, made[0]])
        cosines += [o["cosine"] for o in json.loads(out)["variants"][0]["outputs"]] if out else [float("nan")]
    return made[1], min(cosines), made[3], made[2]


def vision():
    print("\n## Vision models: least cosine of an output on the goldens' inputs, and bits a weight")
    found = []
    for name in ("magika", "yolox", "ppocr"):
        folders = [d for d in sorted(os.listdir(os.path.join(SHARED, "models"))) if name in d.lower()] if os.path.isdir(SHARED) else []
        for folder in folders:
            path = os.path.join(SHARED, "models", folder)
            goldens = sorted(f for f in os.listdir(path) if f.startswith("golden") and f.endswith(".npz") and "f64" not in f)
            models = [f for f in os.listdir(path) if f.endswith(".onnx")]
            if goldens and models:
                found.append((folder, os.path.join(path, models[0]), [os.path.join(path, g) for g in goldens]))
    if not found:
        return skip("the vision models are not there")
    table("scheme", *[f[0] for f in found])
    for scheme in ("int8", "int6", "int4", "int4:mse", "palette8", "palette6", "palette4", "palette4:group=8", "nf4", "fp8_e4m3", "mxfp8_e4m3", "mxfp4",
                   "int8:prune=0.5", BEST[0], BEST[3]):
        cells = []
        for _, source, goldens in found:
            c = golden_cosine(source, scheme, goldens)
            cells.append(f"{c[1]:.6f} ({c[0]:.2f})" if c else "refused")
        row("`" + scheme + "`", *cells)


def depth():
    folder = os.path.join(MODELS, "dav2-base")
    golden = os.path.join(folder, "golden1.npz")
    source = next((os.path.join(folder, f) for f in ("model.safetensors",) if os.path.exists(os.path.join(folder, f))), None)
    if not source or not os.path.exists(golden):
        return skip("Depth Anything V2 Base is not in " + MODELS + " (make bench-models)")
    print("\n## Depth Anything V2 Base (random weights with the statistics of trained ones), 252x336")
    table("variant", "package, MB", "cosine of the depth map", "bits a weight", "conversion, s")
    for name, options in (("fp16", ["--precision", "fp16"]), ("bf16", ["--precision", "bf16"])):
        made = converted(folder, "none", *options)
        out = json.loads(measured([QUERN, "compare", "--json", "--golden", golden, made[0]]))
        row(name, megabytes(made[3]), f"{out['variants'][0]['outputs'][0]['cosine']:.7f}", "16", f"{made[2]:.2f}")
    for scheme in ("int8", "int4", "palette8", "palette6", "palette4", "palette2", "palette4:group=8", "palette2:group=8", "int8:prune=0.5", BEST[3]):
        c = golden_cosine(folder, scheme, [golden], "--precision", "fp16")
        row("`" + scheme + "`", megabytes(c[2]), f"{c[1]:.7f}", f"{c[0]:.3f}", f"{c[3]:.2f}") if c else row("`" + scheme + "`", "refused", "", "", "")
    calibration = os.path.join(OUT, "depth-calibration")
    os.makedirs(calibration, exist_ok=True)
    shutil.copy(golden, os.path.join(calibration, "golden1.npz"))
    start, path = time.time(), os.path.join(OUT, "tuned.quern")
    out = measured([QUERN, "tune", folder, "--calibrate", calibration, "--budget", "60MB", "--precision", "fp16", "-o", path, "--json",
                    "--state", os.path.join(OUT, "tuned-base.json"), "--min-elements", "65536",
                    *[x for s in (BEST[0], BEST[2], BEST[3], BEST[4]) for x in ("--scheme", s)]])
    if out:
        cosine = json.loads(measured([QUERN, "compare", "--json", "--golden", golden, path]))["variants"][0]["outputs"][0]["cosine"]
        row("tuned to 60 MB", megabytes(os.path.getsize(path)), f"{cosine:.7f}", "", f"{time.time() - start:.0f}")


PARTS = {"gpt2": gpt2, "vision": vision, "depth": depth}
for part in (os.environ.get("BENCH_QUALITY") or "gpt2 vision depth").split():
    PARTS[part]()
