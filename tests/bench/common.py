"""What the parts of `make bench` share: running quern and ONNX Runtime in turn, medians, Markdown tables.

Environment: QUERN, BUILD (release folder), OUT (for packages and tables), SHARED (../shared), BENCH_MODELS (full-size models),
BENCH_THREADS (all processors), BENCH_PAIRS (5), BENCH_PREFIX (a command that each measurement runs under, e.g. taskset).
compress.py and quality.py have parts of their own to choose: BENCH_COMPRESS, BENCH_QUALITY."""
import array, json, math, os, shutil, statistics, subprocess, sys, time

QUERN, BUILD, OUT = os.environ["QUERN"], os.environ["BUILD"], os.environ["OUT"]
SHARED = os.environ.get("SHARED", "../shared")
MODELS = os.environ.get("BENCH_MODELS") or os.path.join(OUT, "models")
PEERS = os.path.join("build", "peers", "node_modules")
THREADS = int(os.environ.get("BENCH_THREADS") or len(os.sched_getaffinity(0)))
PAIRS = int(os.environ.get("BENCH_PAIRS") or 5)
PREFIX = (os.environ.get("BENCH_PREFIX") or "").split()
HERE = os.path.dirname(os.path.abspath(__file__))
PRECISIONS = {
    "fp32": ["--precision", "fp32"],
    "bf16": ["--precision", "bf16"],
    "int8": ["--weights", "int8", "--activations", "int8"],
}
ARITHMETIC = {"fp32": "float32", "bf16": "bfloat16", "int8": "int8"}


def skip(what):
    print(f"\n*Skipped: {what}.*")


def row(*cells):
    print("| " + " | ".join(str(c) for c in cells) + " |", flush=True)


def table(*heads, left=1):
    print()
    row(*heads)
    print("|" + "|".join("---" if i < left else "---:" for i in range(len(heads))) + "|", flush=True)


def megabytes(n):
    return f"{n / 1e6:.1f}"


def peaks(threads):
    """Operations a second by arithmetic, as `make roofline` measured them with one thread and with all; between, in proportion."""
    with open(os.path.join(OUT, "roofline.json")) as f:
        lines = json.load(f)["rooflines"]
    line = next((r for r in lines if r["threads"] == threads), lines[0])
    return {p["arithmetic"]: p["flops_per_s"] * threads / line["threads"] for p in line["peaks"]}


def measured(command, env=None):
    """stdout of a command that is measured, or None after its complaint."""
    done = subprocess.run(PREFIX + command, capture_output=True, text=True, env=env)
    if done.returncode:
        print((done.stderr.strip().splitlines() or ["no message"])[-1], file=sys.stderr)
        return None
    return done.stdout


# ---- quern -----------------------------------------------------------------------------------------


def convert(source, name, precision):
    """The path of the package, or None when the command refuses."""
    os.makedirs(os.path.join(OUT, "packages"), exist_ok=True)
    out = os.path.join(OUT, "packages", f"{name}.{precision}.quern")
    options = PRECISIONS.get(precision) or ["--precision", precision]
    done = subprocess.run([QUERN, "convert", "-q", source, "-o", out] + options, capture_output=True, text=True)
    if done.returncode:
        print(f"{name} {precision}: {done.stderr.strip()}", file=sys.stderr)
        return None
    return out


def quern(package, inputs, runs, *options):
    """One result of `quern bench --json`, or None."""
    command = [QUERN, "bench", package, "--json", "--threads", str(THREADS), "--runs", str(runs), *options]
    for name in inputs:
        command += ["-i", name]
    text = measured(command)
    return json.loads(text)["results"][0] if text else None


def flops(package, inputs):
    """Operations of one run."""
    result = quern(package, inputs, 1, "--profile")
    return sum(r["flops"] for r in result["profile"]) if result else math.nan


# ---- ONNX Runtime ------------------------------------------------------------------------------------


def have_peers():
    if shutil.which("node") and os.path.isdir(os.path.join(PEERS, "onnxruntime-node")):
        return True
    skip("ONNX Runtime is not here: `make peers` (npm and node) fetches it")
    return False


def ort(model, inputs, runs):
    text = measured(["node", os.path.join(HERE, "ort_bench.js"), model, *inputs, "--runs", str(runs), "--threads",
                     str(THREADS)], env={**os.environ, "NODE_PATH": os.path.abspath(PEERS)})
    return json.loads(text) if text else None


def ort_int8(source, name):
    """ONNX Runtime's own dynamic int8 of a model, made once; None when that cannot be done here."""
    maker, out = os.path.join(SHARED, "peers", "ort_dynamic_int8.py"), os.path.join(OUT, "packages", f"{name}.ort_int8.onnx")
    if not os.path.exists(out):
        python = next((p for p in ("/usr/bin/python3", "python3") if shutil.which(p) and subprocess.run(
            [p, "-c", "import numpy, onnx"], capture_output=True).returncode == 0), None)
        if not python or not os.path.exists(maker) or subprocess.run([python, maker, source, out], capture_output=True).returncode:
            return None
    return out


# ---- in turn -------------------------------------------------------------------------------------------


def in_turn(runners, pairs=None):
    """runners: {name: f(runs) -> result with latency_ms.median, or None}. Each in turn, `pairs` times over, so that a busy
    minute meets all; a process does 3 runs and fills about half a second. Returns {name: [median ms of each turn]}."""
    runs, ms = {}, {name: [] for name in runners}
    for name, f in runners.items():
        first = f(1)
        runs[name] = max(3, min(1000, round(500 / max(first["latency_ms"]["median"], 1e-3)))) if first else 0
    for _ in range(pairs or PAIRS):
        for name, f in runners.items():
            result = f(runs[name]) if runs[name] else None
            ms[name].append(result["latency_ms"]["median"] if result else math.nan)
    return ms


def median(values):
    values = [v for v in values if not math.isnan(v)]
    return statistics.median(values) if values else math.nan


def ratio(a, b):
    """Median of the ratios of turns."""
    return median([x / y for x, y in zip(a, b)])


def number(v, digits=2):
    return "" if math.isnan(v) else f"{v:.{digits}f}" if abs(v) < 100 else f"{v:.0f}"


# ---- files ---------------------------------------------------------------------------------------------


def write_npy(path, descr, shape, data):
    """`data`: an array.array or bytes in C order."""
    text = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {tuple(shape)!r}, }}"
    text += " " * (-(len(text) + 11) % 64) + "\n"
    with open(path, "wb") as f:
        f.write(b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text.encode() + bytes(data))
    return path


def pseudo_random(n, below):
    state, out = 1, []
    for _ in range(n):
        state = (1103515245 * state + 12345) & 0x7FFFFFFF
        out.append(state % below)
    return out


def model_inputs(source, size):
    """NAME=FILE.npy for each input of a full-size model. A text encoder, size (batch, length): random ids, everything else
    ones or zeros. An image model, size (height, width): noise in -2..2."""
    about = json.loads(subprocess.run([QUERN, "inspect", source, "--json"], capture_output=True, text=True, check=True).stdout)
    paths = []
    for name, dtype in ((i["name"], i["dtype"]) for i in about["inputs"]):
        n = size[0] * size[1]
        if dtype == "float32":
            data, kind, shape = array.array("f", (v / 250 - 2 for v in pseudo_random(3 * n, 1001))), "<f4", (1, 3) + size
        else:
            ids = pseudo_random(n, 30522) if name == "input_ids" else [int(name == "attention_mask")] * n
            data, kind, shape = array.array("q", ids), "<i8", size
        path = os.path.join(OUT, f"{name}.{size[0]}x{size[1]}.npy")
        paths.append(f"{name}={write_npy(path, kind, shape, data.tobytes())}")
    return paths


def full_models():
    """(folder, label, size) of the full-size models, those that are here and the names of those that are not."""
    cases = [("minilm", "all-MiniLM-L6-v2", (32, 128)), ("minilm", "all-MiniLM-L6-v2", (1, 16)),
             ("dav2-small", "Depth Anything V2 Small", (518, 518)), ("dav2-base", "Depth Anything V2 Base", (518, 518)),
             ("dav2-large", "Depth Anything V2 Large", (518, 518))]
    here = [(os.path.join(MODELS, f), f"{label}, {size[0]} x {size[1]}", size) for f, label, size in cases
            if os.path.exists(os.path.join(MODELS, f, "model.onnx"))]
    missing = sorted({f for f, _, _ in cases} - {os.path.basename(f) for f, _, _ in here})
    if missing:
        skip(f"not in {MODELS}: {', '.join(missing)} (`make bench-models BENCH_FULL='{' '.join(missing)}'` makes them)")
    return here


def timed(command):
    """Seconds and peak resident bytes of a command."""
    start = time.monotonic()
    child = subprocess.Popen(PREFIX + command, stdout=subprocess.DEVNULL)
    _, state, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(state)
    if child.returncode:
        sys.exit(f"{command[0]} {command[1]}: exit {child.returncode}")
    return time.monotonic() - start, 1024 * usage.ru_maxrss
