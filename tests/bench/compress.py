"""What compression takes: int4 beside llama.cpp's quantiser, conversion by scheme, GPTQ, and `quern tune`."""
import glob, resource, zipfile
from common import *

LARGE, BASE = os.path.join(MODELS, "dav2-large"), os.path.join(MODELS, "dav2-base")
GGUF = os.environ.get("BENCH_GGUF", "")
LIBRARIES = os.path.join(PEERS, "@node-llama-cpp", "linux-x64", "bins", "linux-x64")
TARGET = os.path.join(OUT, "compress.quern")
PARTS = (os.environ.get("BENCH_COMPRESS") or "llama schemes calibrated tune").split()
TWO = ":super=bf16/32"
SCHEMES = ["int8", "int4", "int4:mse", "nf4", "mxfp4", "palette8", "palette6", "palette4", "palette4:group=8", "palette2",
           "palette4:block=16:scale=int6" + TWO, "int8:prune=0.5"]


def source_of(folder):
    """The file of the weights in float32, or None."""
    return next((f for f in (os.path.join(folder, n) for n in ("model.onnx", "model.safetensors")) if os.path.exists(f)), None)


def warm(path):
    with open(path, "rb") as f:
        while f.read(1 << 24):
            pass


def convert_seconds(source, *options):
    """Seconds and peak bytes of a conversion to a new file."""
    if os.path.exists(TARGET):
        os.remove(TARGET)
    return timed([QUERN, "convert", "-q", source, "-o", TARGET, "--threads", str(THREADS), *options])


def children_seconds():
    """Processor time of all child processes so far: on a busy machine it says more than the clock."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


# ---- beside llama.cpp ----------------------------------------------------------------------------------------------------


def llama():
    source = source_of(LARGE) or source_of(BASE)
    if not source:
        return skip(f"neither dav2-large nor dav2-base is in {MODELS} (`make bench-models`)")
    if not glob.glob(os.path.join(LIBRARIES, "libllama*")):
        return skip("llama.cpp is not here: `make peers` fetches it")
    if not os.path.exists(GGUF):
        return skip("BENCH_GGUF names no GGUF of float32 weights for llama.cpp to quantise")
    target, clock, processor = os.path.join(OUT, "compress.gguf"), ([], []), ([], [])
    for path in (source, GGUF):
        warm(path)
    for _ in range(PAIRS):
        before = children_seconds()
        clock[0].append(convert_seconds(source, "--weights", "int4:block=32")[0])
        between = children_seconds()
        out = measured([sys.executable, os.path.join(HERE, "llama_quantize.py"), LIBRARIES, GGUF, target, str(THREADS)])
        if out is None:
            return skip("llama.cpp's quantiser does not run here")
        clock[1].append(float(out.split()[-1]))
        processor[0].append(between - before)
        processor[1].append(children_seconds() - between)
        os.remove(target)
    sizes = os.path.getsize(source), os.path.getsize(GGUF)
    speeds = [[[size / s / 1e6 for s in times] for size, times in zip(sizes, both)] for both in (clock, processor)]
    print(f"\nint4 in blocks of 32 (`--weights int4:block=32`) beside llama.cpp's Q4_0, {PAIRS} pairs, {THREADS} threads, files included:")
    table("", "float32 bytes", "seconds, median", "MB/s", "processor seconds", "MB per processor second")
    for i, name in enumerate(("quern, " + os.path.basename(os.path.dirname(source)), "llama.cpp, " + os.path.basename(GGUF))):
        row(name, f"{sizes[i]:,}", f"{median(clock[i]):.2f}", f"{median(speeds[0][i]):.0f}", f"{median(processor[i]):.2f}", f"{median(speeds[1][i]):.0f}")
    for what, (ours, theirs) in zip(("by the clock", "by processor time"), speeds):
        turns = [a / b for a, b in zip(ours, theirs)]
        print(f"\nquern / llama.cpp, float32 bytes a second {what}, median of the pairs: **{median(turns):.2f}** ({min(turns):.2f} to {max(turns):.2f})")


# ---- by scheme -----------------------------------------------------------------------------------------------------------


def schemes():
    source = source_of(BASE)
    if not source:
        return skip(f"dav2-base is not in {MODELS} (`make bench-models`)")
    warm(source)
    print(f"\nDepth Anything V2 Base ({os.path.getsize(source):,} bytes of float32), {THREADS} threads; median of three where a run takes under 5 s:")
    table("scheme", "seconds", "processor seconds", "MB of float32 a second", "peak, MB", "package bytes")
    for scheme in SCHEMES:
        clock, processor, memory = [], [], 0
        while not clock or (len(clock) < 3 and clock[0] < 5):
            before = children_seconds()
            took, peak = convert_seconds(source, "--weights", scheme)
            clock.append(took)
            processor.append(children_seconds() - before)
            memory = max(memory, peak)
        row(f"`{scheme}`", f"{median(clock):.2f}", f"{median(processor):.2f}", f"{os.path.getsize(source) / median(clock) / 1e6:.0f}",
            megabytes(memory), f"{os.path.getsize(TARGET):,}")


# ---- with calibration inputs -----------------------------------------------------------------------------------------------


def ids_of(path):
    with open(path, "rb") as f:
        data = f.read()
    start = 10 + int.from_bytes(data[8:10], "little")
    shape = [int(n) for n in data[10:start].decode().split("(")[1].split(")")[0].split(",") if n.strip()]
    ids = array.array("q")
    ids.frombytes(data[start:])
    return shape, ids


def gpt2_calibration(folder, samples):
    """Sequences of 256 ids, 16 to a sample, with the inputs that trained-gpt2 has."""
    (rows, length), ids = ids_of(os.path.join(folder, "calib_ids.npy"))
    out = os.path.join(OUT, f"gpt2-calibration-{samples}")
    os.makedirs(out, exist_ok=True)
    for i in range(min(samples, rows // 16)):
        n = 16 * length
        inputs = {"input_ids": ids[i * n:(i + 1) * n], "attention_mask": array.array("q", [1] * n),
                  "position_ids": array.array("q", list(range(length)) * 16)}
        with zipfile.ZipFile(os.path.join(out, f"{i:02d}.npz"), "w") as z:
            for name, numbers in inputs.items():
                part = write_npy(os.path.join(OUT, "part.npy"), "<i8", (16, length), numbers.tobytes())
                z.write(part, name + ".npy")
    return out


def calibrated():
    folder = os.path.join(SHARED, "checkpoints", "trained-gpt2")
    source = os.path.join(folder, "model.onnx")
    if not os.path.exists(source):
        return skip("trained-gpt2: " + source + " is not there")
    inputs = gpt2_calibration(folder, 4)
    print(f"\ntrained-gpt2 (3.3 million weights), 64 sequences of 256 to calibrate on, {THREADS} threads:")
    table("scheme", "seconds", "peak, MB")
    for scheme in ("int4", "int4:importance:mse", "int4:awq", "int4:gptq", "int4:gptq:act_order", "palette4:block=16:scale=int6" + TWO + ":gptq"):
        more = ["--calibrate", inputs] if any(word in scheme for word in ("importance", "awq", "gptq")) else []
        took, memory = convert_seconds(source, "--weights", scheme, *more)
        row(f"`{scheme}`", f"{took:.2f}", megabytes(memory))


def tune():
    print("\n`quern tune` with two schemes to choose from, one sample to calibrate on (of trained-gpt2 16 sequences of 256):")
    cases = [("trained-gpt2", os.path.join(SHARED, "checkpoints", "trained-gpt2"), ["--max-kl", "0.005"]),
             ("magika", os.path.join(SHARED, "models", "magika"), ["--min-cosine", "0.9999"]),
             ("yolox-nano", os.path.join(SHARED, "models", "yolox-nano"), ["--min-cosine", "0.99"])]
    table("model", "bound", "float32 bytes", "seconds", "peak, MB", "package bytes", left=2)
    for name, folder, bound in cases:
        source = os.path.join(folder, "model.onnx")
        if not os.path.exists(source):
            skip(f"{name}: {source} is not there")
            continue
        inputs = gpt2_calibration(folder, 1) if name == "trained-gpt2" else os.path.join(folder, "golden0.npz")
        took, memory = timed([QUERN, "tune", "-q", source, "--calibrate", inputs, "-o", TARGET, "--threads", str(THREADS),
                              "--scheme", "int8", "--scheme", "int4:mse", *bound])
        row(name, "`" + " ".join(bound) + "`", f"{os.path.getsize(source):,}", f"{took:.1f}", megabytes(memory), f"{os.path.getsize(TARGET):,}")


print("\n## Compression")
for part in PARTS:
    {"llama": llama, "schemes": schemes, "calibrated": calibrated, "tune": tune}[part]()
if os.path.exists(TARGET):
    os.remove(TARGET)
