"""Products of square matrices: GFLOP/s, against the peak, and all cores against one."""
import os, re
from common import *

print("\n## Matrix products")
table("size", "numbers", "1 thread, GFLOP/s", "% of peak", f"{THREADS} threads, GFLOP/s", "% of peak", f"{THREADS} threads / 1", left=2)
PROGRAM = os.path.join(BUILD, "tests", "bench", "bench_gemm")
for dtype in ("fp32", "bf16", "int8"):
    rates = {}
    for threads in (1, THREADS):
        text = measured([PROGRAM, "--threads", str(threads), "--dtype", dtype] + [f"{n}x{n}x{n}" for n in (1024, 2048, 3072, 4096)])
        for n, rate in re.findall(r"^ *(\d+) x .* ([\d.]+) GFLOP/s", text or "", re.M):
            rates[int(n), threads] = float(rate)
    if not rates:
        row("", dtype, "refused", "", "", "", "")
    for n in sorted({n for n, _ in rates}):
        one, two = rates[n, 1], rates[n, THREADS]
        share = [f"{1e11 * rate / peaks(t)[ARITHMETIC[dtype]]:.0f}" for t, rate in ((1, one), (THREADS, two))]
        row(f"{n}³", dtype, f"{one:.0f}", share[0], f"{two:.0f}", share[1], f"{two / one:.2f}")
