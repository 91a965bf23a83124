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
    for precision in PRECISIONS:
        peer = "ort int8" if precision == "int8" and "ort int8" in ms else "ort fp32"
        if precision not in ms:
            row(label, precision, "refused", "", peer[4:], number(median(ms[peer])), "", "", "")
            continue
        t, ratios = median(ms[precision]), sorted(x / y for x, y in zip(ms[precision], ms[peer]))
        rate = work / (1e-3 * t)
        row(label, precision, number(t), peer[4:], number(median(ms[peer])), f"**{number(ratio(ms[precision], ms[peer]))}**",
            f"{ratios[0]:.2f} to {ratios[-1]:.2f}", f"{rate / 1e9:.0f}", f"{100 * rate / peaks(THREADS)[ARITHMETIC[precision]]:.0f}")


print(f"\n## Models beside ONNX Runtime, {THREADS} threads")
if have_peers():
    found = full_models()
    if found:
        table("model", "package", "quern, ms", "ONNX Runtime", "its ms", "quern / ONNX Runtime", "over the turns", "GFLOP/s",
              "% of peak", left=2)
    for case in found:
        compare(*case)
