"""What calibration does for codes: divergence of a trained language model (trained-gpt2) by scheme, with and without calibration inputs.

Only the matrices of the blocks are compressed. KL is the mean over all positions of the held-out text, in nats."""
import json, os, re, struct, subprocess, zipfile

from common import OUT, QUERN, SHARED, row, skip, table

MODEL = os.path.join(SHARED, "checkpoints", "trained-gpt2")
BATCH = 8
SCHEMES = ["int8", "fp8_e4m3", "int4", "int4:mse", "int4:importance", "int4:awq", "int4:gptq", "int4:gptq:act_order", "uint4", "uint4:gptq",
           "mxfp4", "mxfp4:gptq", "palette4:group=8", "palette4:group=8:gptq", "int4:per_channel:mse", "int4:per_channel:awq",
           "int4:per_channel:gptq", "int3", "int3:gptq", "int2:mse", "int2:gptq"]


def read_npy(path):
    """Shape and integers of a little-endian int64 .npy."""
    with open(path, "rb") as f:
        data = f.read()
    size = struct.unpack_from("<H", data, 8)[0]
    head = data[10:10 + size].decode()
    shape = [int(n) for n in re.search(r"'shape': \(([^)]*)\)", head).group(1).split(",") if n.strip()]
    assert "'<i8'" in head and len(shape) == 2
    return shape, struct.unpack_from(f"<{shape[0] * shape[1]}q", data, 10 + size)


def npy(rows, columns, numbers):
    head = f"{{'descr': '<i8', 'fortran_order': False, 'shape': ({rows}, {columns}), }}"
    head = head.ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head.encode() + struct.pack(f"<{len(numbers)}q", *numbers)


def write_inputs(path, rows, columns, ids):
    with zipfile.ZipFile(path, "w") as z:
        z.writestr("input_ids.npy", npy(rows, columns, ids))
        z.writestr("attention_mask.npy", npy(rows, columns, [1] * len(ids)))
        z.writestr("position_ids.npy", npy(rows, columns, list(range(columns)) * rows))


def main():
    source = os.path.join(MODEL, "model.onnx")
    if not os.path.exists(source):
        skip(f"compensation: {source} is not there")
        return
    folder = os.path.join(OUT, "calibration")
    held_out = os.path.join(OUT, "held_out.npz")
    os.makedirs(folder, exist_ok=True)
    (rows, columns), ids = read_npy(os.path.join(MODEL, "calib_ids.npy"))
    for i in range(0, rows, BATCH):
        n = min(BATCH, rows - i)
        write_inputs(os.path.join(folder, f"{i:04d}.npz"), n, columns, ids[i * columns:(i + n) * columns])
    (rows, columns), ids = read_npy(os.path.join(MODEL, "eval_ids.npy"))
    write_inputs(held_out, rows, columns, ids)
    packages = [os.path.join(OUT, f"compensation{i}.quern") for i in range(len(SCHEMES))]
    for scheme, package in zip(SCHEMES, packages):
        subprocess.run([QUERN, "convert", "-q", source, "-o", package, "--weights", "m.h.*=" + scheme, "--calibrate", folder], check=True,
                       stdout=subprocess.DEVNULL)
    text = subprocess.run([QUERN, "compare", source, *packages, "-i", held_out, "--logits", "logits", "--json"], check=True,
                          capture_output=True, text=True).stdout
    print("\n## What calibration does for codes")
    table("scheme", "bytes", "KL", "SQNR dB", "same token")
    for scheme, variant in zip(SCHEMES, json.loads(text)["variants"]):
        out = variant["outputs"][0]
        row(f"`{scheme}`", variant["bytes"], f"{out['kl']['mean']:.5f}", f"{out['sqnr_db']:.1f}", f"{100 * out['top1']:.1f} %")


main()
