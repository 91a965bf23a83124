"""Twelve small trained models in three precisions beside ONNX Runtime, in turn."""
from common import *

print(f"\n## Twelve small models beside ONNX Runtime, {THREADS} threads")
folder = os.environ.get("BENCH_TWELVE") or os.path.join(SHARED, "models")
names = sorted(n for n in os.listdir(folder) if os.path.exists(os.path.join(folder, n, "model.onnx"))) if os.path.isdir(folder) else []
if not names:
    skip(f"no models in {folder}")
elif have_peers():
    table("model", "ONNX Runtime, ms", *(cell for p in PRECISIONS for cell in (f"{p}, ms", "ratio", "% of peak")))
    all_ratios = {p: [] for p in PRECISIONS}
    for name in names:
        source, inputs = os.path.join(folder, name, "model.onnx"), [os.path.join(folder, name, "golden0.npz")]
        runners = {p: (lambda n, path=path: quern(path, inputs, n)) for p in PRECISIONS if (path := convert(source, name, p))}
        runners["ort"] = lambda n: ort(source, inputs, n)
        ms = in_turn(runners)
        work = flops(os.path.join(OUT, "packages", f"{name}.fp32.quern"), inputs)
        cells = []
        for p in PRECISIONS:
            if p not in ms:
                cells += ["refused", "", ""]
                continue
            r = ratio(ms[p], ms["ort"])
            all_ratios[p].append(r)
            share = 100 * work / (1e-3 * median(ms[p])) / peaks(THREADS)[ARITHMETIC[p]]
            cells += [number(median(ms[p]), 3), f"**{number(r)}**", f"{share:.0f}"]
        row(name, number(median(ms["ort"]), 3), *cells)
    means = []
    for p in PRECISIONS:
        good = [r for r in all_ratios[p] if not math.isnan(r)]
        means += ["", f"**{math.exp(sum(map(math.log, good)) / len(good)):.3f}**" if good else "", ""]
    row("geometric mean", "", *means)
