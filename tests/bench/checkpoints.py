"""Depth checkpoints straight from safetensors: conversion against `cp`, then the table by which to choose a size and a precision."""
from common import *

VARIANTS = {
    "fp32": ["--precision", "fp32"],
    "fp16": ["--precision", "fp16"],
    "bf16": ["--precision", "bf16"],
    "int8 weights": ["--weights", "int8"],
    "int8 products": ["--weights", "int8", "--activations", "int8"],
}
SIZES = {"dav2-small": "Depth Anything V2 Small", "dav2-base": "Depth Anything V2 Base", "dav2-large": "Depth Anything V2 Large",
         "depthpro": "Depth Pro", "da3-large": "Depth Anything 3 Large"}
IMAGE = (518, 518)


def package_of(name, variant):
    os.makedirs(os.path.join(OUT, "packages"), exist_ok=True)
    return os.path.join(OUT, "packages", f"{name}.safetensors.{variant.replace(' ', '-')}.quern")


def conversion(name):
    """Five pairs of a conversion to fp16 and a copy of the file, both from memory and to files that are new."""
    folder, copy, out = os.path.join(MODELS, name), os.path.join(OUT, "copy"), package_of(name, "fp16")
    source = os.path.join(folder, "model.safetensors")
    with open(source, "rb") as f:
        while f.read(1 << 24):
            pass
    ours, theirs, memory = [], [], []
    for _ in range(5):
        for path in (out, copy):
            if os.path.exists(path):
                os.remove(path)
        seconds, peak = timed([QUERN, "convert", "-q", folder, "-o", out] + VARIANTS["fp16"])
        ours.append(seconds)
        memory.append(peak)
        theirs.append(timed(["cp", source, copy])[0])
    os.remove(copy)
    row(SIZES[name], f"{os.path.getsize(source):,}", f"{median(ours):.2f}", f"{median(theirs):.2f}", f"{ratio(ours, theirs):.2f}",
        f"{max(memory) / 1e6:.0f}", f"{os.path.getsize(out):,}", f"{os.path.getsize(out) / 2**20:.1f}")


def cosines(packages, inputs):
    """Cosine of each package's depth to that of the first."""
    command = [QUERN, "compare", *packages, "--json", "--min-cosine", "-1", "--threads", str(THREADS)]
    for name in inputs:
        command += ["-i", name]
    done = subprocess.run(command, capture_output=True, text=True)
    return [1.0] + [v["outputs"][0]["cosine"] for v in json.loads(done.stdout)["variants"]]


def choose(name):
    folder, packages = os.path.join(MODELS, name), {}
    for variant, options in VARIANTS.items():
        packages[variant] = package_of(name, variant)
        subprocess.run([QUERN, "convert", "-q", folder, "-o", packages[variant]] + options, check=True)
    inputs = model_inputs(folder, IMAGE)
    near = dict(zip(packages, cosines(list(packages.values()), inputs)))
    results = {v: [] for v in VARIANTS}
    for _ in range(min(PAIRS, 3)):
        for variant, package in packages.items():
            results[variant].append(quern(package, inputs, 3))
    for variant, rows in results.items():
        row(SIZES[name], variant, f"{rows[0]['bytes']:,}", number(median([r["load_ms"] for r in rows])),
            number(median([r["latency_ms"]["median"] for r in rows])), megabytes(median([r["peak_rss_bytes"] for r in rows])),
            f"{near[variant]:.6f}")


here = [n for n in SIZES if os.path.exists(os.path.join(MODELS, n, "model.safetensors"))]
missing = [n for n in SIZES if n not in here]
print("\n## From safetensors")
if missing:
    skip(f"not in {MODELS}: {', '.join(missing)} (`make bench-models BENCH_FULL='{' '.join(missing)}'` makes them)")
if here:
    table("to fp16", "source bytes", "seconds, median", "cp seconds, median", "ratio of pairs", "peak, MB", "package bytes", "MiB")
for each in here:
    conversion(each)
small = [n for n in here if n.startswith("dav2")]
if small:
    table(f"at {IMAGE[0]} x {IMAGE[1]}", "package", "bytes", "load, ms", "latency, ms", "peak memory, MB", "cosine of depth to fp32",
          left=2)
for each in small:
    choose(each)
