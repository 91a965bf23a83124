"""Products of square matrices: GFLOP/s, against the peak, and two cores against one."""
import os, re
from common import *

print("\n## Matrix products")
table("size", "numbers", "1 thread, GFLOP/s", "% of peak", "2 threads, GFLOP/s", "% of peak", "2 threads / 1", left=2)
BEST = os.path.join(BUILD, "tests", "bench", "bench_gemm")
for dtype in ("fp32", "bf16", "int8"):
    rates = {}
    for threads in (1, 2):
        text = measured([BEST, "--threads", str(threads), "--dtype", dtype] + [f"{n}x{n}x{n}" for n in (1024, 2048, 3072, 4096)])
        for n, rate in re.findall(r"^ *(\d+) x .* ([\d.]+) GFLOP/s", text or "", re.M):
            rates[int(n), threads] = float(rate)
    if not rates:
        row("", dtype, "refused", "", "", "", "")
    for n in sorted({n for n, _ in rates}):
        one, two = rates[n, 1], rates[n, 2]
        share = [f"{1e11 * rate / peaks(t)[ARITHMETIC[dtype]]:.0f}" for t, rate in ((1, one), (2, two))]
        row(f"{n}³", dtype, f"{one:.0f}", share[0], f"{two:.0f}", share[1], f"{two / one:.2f}")
