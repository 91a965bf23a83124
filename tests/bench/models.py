"""Full-size models in three precisions beside ONNX Runtime, in turn."""
from common import *

def compare(folder, label, size):
    source, name = os.path.join(folder, "model.onnx"), os.path.basename(folder)
    inputs = model_inputs(source, size)
    packages = {p: convert(source, name, p) for p in PRECISIONS}
    theirs = {"fp32": source, "int8": ort_int8(source, name)}
    runners = {}
    for precision, package in packages.items():
        if package:
            runners[precision] = lambda n, p=package: quern(p, inputs, n)
    for precision, model in theirs.items():
        if model:
            runners["ort " + precision] = lambda n, m=model: ort(m, inputs, n)
    ms = in_turn(runners, PAIRS if "large" not in name else min(PAIRS, 3))
    work = flops(packages["fp32"], inputs)
    base, own = ms["ort fp32"], ms.get("ort int8")
    for precision in PRECISIONS:
        own_ms = f"{number(median(own))} ({median(own) / median(base):.2f})" if precision == "int8" and own else ""
        if precision not in ms:
            row(label, precision, "refused", number(median(base)), "", "", "", "", own_ms)
            continue
        t, ratios = median(ms[precision]), sorted(x / y for x, y in zip(ms[precision], base))
        rate = work / (1e-3 * t)
        row(label, precision, number(t), number(median(base)), f"**{number(ratio(ms[precision], base))}**",
            f"{ratios[0]:.2f} to {ratios[-1]:.2f}", f"{rate / 1e9:.0f}", f"{100 * rate / peaks(THREADS)[ARITHMETIC[precision]]:.0f}",
            own_ms)


print(f"\n## Models beside ONNX Runtime, {THREADS} threads")
if have_peers():
    found = full_models()
    if found:
        table("model", "package", "quern, ms", "ONNX Runtime fp32, ms", "quern / ONNX Runtime", "over the turns", "GFLOP/s",
              "% of peak", "ONNX Runtime's own int8, ms", left=2)
    for case in found:
        compare(*case)
