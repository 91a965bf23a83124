"""Time to the first output, and memory against what it must hold."""
from common import *

def first_output(package, inputs):
    """Seconds of a process that loads, runs once, and ends."""
    command = [QUERN, "run", "-q", package, "--threads", str(THREADS)]
    for name in inputs:
        command += ["-i", name]
    return median([timed(command)[0] for _ in range(5)])


print("\n## Loading and memory")
found = full_models()
if found:
    table("fp16 package", "bytes", "first output, ms", "steady run, ms", "difference, ms")
for folder, label, size in found:
    source = os.path.join(folder, "model.onnx")
    package, inputs = convert(source, os.path.basename(folder), "fp16"), model_inputs(source, size)
    steady = quern(package, inputs, 5)["latency_ms"]["median"]
    first = 1e3 * first_output(package, inputs)
    row(label, f"{os.path.getsize(package):,}", f"{first:.1f}", f"{steady:.1f}", f"{first - steady:.1f}")
if found:
    table("package", "bytes", "buffers, MB", "alive at once, MB", "buffers / alive", "expanded, MB", "peak, MB",
          "peak less package, buffers, expanded, MB")
for folder, label, size in found:
    source = os.path.join(folder, "model.onnx")
    for precision in PRECISIONS:
        r = quern(convert(source, os.path.basename(folder), precision), model_inputs(source, size), 1)
        rest = r["peak_rss_bytes"] - r["bytes"] - r["buffer_bytes"] - r["expanded_bytes"]
        row(f"{label}, {precision}", f"{r['bytes']:,}", megabytes(r["buffer_bytes"]), megabytes(r["live_bytes"]),
            f"{r['buffer_bytes'] / max(r['live_bytes'], 1):.3f}", megabytes(r["expanded_bytes"]),
            megabytes(r["peak_rss_bytes"]), megabytes(rest))
