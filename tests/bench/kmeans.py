"""Palettes by k-means: exact on a line, groups of a large matrix over threads, vectors; scikit-learn on the same groups."""
import os, shutil, subprocess
from common import *

PROGRAM, NUMBERS = os.path.join(BUILD, "tests", "bench", "bench_kmeans"), os.path.join(OUT, "kmeans_groups.f32")
GROUP, GROUPS = 6144, 15835
PEER = """
import sys, time, numpy, sklearn
from sklearn.cluster import KMeans
x = numpy.fromfile(sys.argv[1], numpy.float32).reshape(-1, int(sys.argv[2]), 1)
KMeans(16, n_init=1, random_state=0).fit(x[0])
start = time.perf_counter()
errors = [KMeans(16, n_init=1, random_state=0).fit(group).inertia_ for group in x]
print(sklearn.__version__, (time.perf_counter() - start) / len(x), *errors)
"""

print("\n## K-means")
lines = [line.split() for line in (measured([PROGRAM, str(THREADS), NUMBERS]) or "").splitlines()]
table("numbers", "kind", "centres", "threads", "seconds", left=2)
errors = []
for what, *rest in lines:
    if what == "exact":
        row(f"{float(rest[1]) / 1e6:.1f} million", rest[0], rest[2], 1, f"{float(rest[3]):.3f}")
    elif what == "groups":
        row(f"{GROUPS} groups of {rest[1]}", rest[0], rest[2], rest[4], f"{float(rest[3]):.2f}")
        ours = float(rest[3]) * int(rest[4]) / GROUPS
    elif what == "vectors":
        row(f"{float(rest[1]) / 1e6:.1f} million", f"vectors of {rest[0]}", rest[2], THREADS, f"{float(rest[3]):.3f}")
    elif what == "group":
        errors.append(float(rest[1]))

python = next((p for p in ("/usr/bin/python3", "python3") if shutil.which(p) and subprocess.run(
    [p, "-c", "import numpy, sklearn"], capture_output=True).returncode == 0), None)
if python and errors:
    version, seconds, *theirs = measured([python, "-c", PEER, NUMBERS, str(GROUP)]).split()
    more = statistics.mean(float(t) / o for t, o in zip(theirs, errors))
    print(f"\nscikit-learn {version}, the same groups, one start: {1e3 * float(seconds):.1f} ms a group against "
          f"{1e3 * ours:.2f} of one thread here, and {100 * (more - 1):.2f} % more error.")
else:
    skip("scikit-learn is not here, to compare with")
