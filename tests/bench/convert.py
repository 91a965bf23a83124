"""Conversion against `cp` of the same file, in turn."""
from common import *

source = os.environ.get("BENCH_MODEL")
if not source:
    large = [os.path.join(MODELS, f, "model.onnx") for f in ("dav2-large", "dav2-base", "dav2-small")]
    source = next((f for f in large if os.path.exists(f)), os.path.join(OUT, "model.onnx"))
    if not os.path.exists(source):
        subprocess.run([os.path.join(BUILD, "demo", "make_model"), source, "768", "12"], check=True)
print(f"\n## Conversion of {os.sep.join(os.path.abspath(source).split(os.sep)[-2:])} ({os.path.getsize(source):,} bytes), five pairs with cp")
table("to", "seconds, median", "cp seconds, median", "ratio of pairs", "peak, MB", "package bytes")
with open(source, "rb") as f:
    while f.read(1 << 24):
        pass  # both read it from memory
out, copy = os.path.join(OUT, "converted.quern"), os.path.join(OUT, "copy")
for name, options in {"fp32": ["--precision", "fp32"], "fp16": ["--precision", "fp16"], "bf16": ["--precision", "bf16"],
                      "int8 weights": ["--weights", "int8"]}.items():
    ours, theirs, memory = [], [], []
    for _ in range(5):
        for path in (out, copy):
            if os.path.exists(path):
                os.remove(path)
        seconds, peak = timed([QUERN, "convert", "-q", source, "-o", out] + options)
        ours.append(seconds)
        memory.append(peak)
        theirs.append(timed(["cp", source, copy])[0])
    row(name, f"{median(ours):.2f}", f"{median(theirs):.2f}", f"{ratio(ours, theirs):.2f}", f"{median(memory) / 1e6:.0f}",
        f"{os.path.getsize(out):,}")
for path in (out, copy):
    os.remove(path)
