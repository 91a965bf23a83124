# exit: 0
$QUERN convert model.onnx -o m.quern --precision bf16 --licence 'CC0-1.0' --json >convert.json
$QUERN inspect m.quern --json --weights --nodes >inspect.json
$QUERN bench m.quern --runs 2 --dim height=28 --dim width=28 --profile --json >bench.json
$QUERN ops --json >ops.json
$QUERN passes --json >passes.json
$QUERN verify m.quern --json >verify.json
python3 - <<'P'
import json
load = lambda f: json.load(open(f + ".json"))
c, i, b = load("convert"), load("inspect"), load("bench")
assert c["file"] == "m.quern" and c["bytes"] > 0 and sum(r["tensors"] for r in c["weights"]) > 20
assert i["parameters"] > 100000 and i["bytes"] > 0 and i["ops"]["MultiHeadAttention"] == 1
assert i["source"]["licence"] == "CC0-1.0" and i["source"]["files"][0]["name"] == "model.onnx"
assert i["inputs"] == [{"name": "pixel_values", "dtype": "float32", "shape": ["batch", 3, "height", "width"]}]
assert i["outputs"][0]["name"] == "depth" and i["outputs"][0]["dtype"] == "float32"
assert any(w["dtype"] == "bfloat16" for w in i["weights"]) and "MultiHeadAttention" in i["text"]
r = b["results"][0]
assert r["file"] == "m.quern" and r["threads"] >= 1 and r["load_ms"] > 0 and r["peak_rss_bytes"] > 1 << 20
assert 0 < r["latency_ms"]["min"] <= r["latency_ms"]["median"] <= r["latency_ms"]["p95"] and len(r["profile"]) > 10
assert 0 < r["live_bytes"] <= r["buffer_bytes"] and r["expanded_bytes"] >= 0
for row in r["profile"]:
    assert row["node"] and row["op"] and row["kernel"] and row["ms"] > 0 and row["flops"] >= 0 and row["bytes"] > 0
    assert row["bound"] in ("compute", "memory") and row["bound_ms"] > 0 and row["percent_of_bound"] > 0
    assert abs(row["gflops_per_s"] - 1e-6 * row["flops"] / row["ms"]) <= 1e-6 * row["gflops_per_s"]
    assert abs(row["gbytes_per_s"] - 1e-6 * row["bytes"] / row["ms"]) <= 1e-6 * row["gbytes_per_s"]
assert {"float32", "bfloat16"} == {row["arithmetic"] for row in r["profile"]}
roof = r["roofline"]
assert roof["threads"] == r["threads"] and [p["arithmetic"] for p in roof["peaks"]] == ["float32", "bfloat16", "int8"]
assert all(p["flops_per_s"] > 0 and p["isa"] and p["native"] in (True, False) for p in roof["peaks"])
assert [m["name"] for m in roof["memories"]] == ["L2", "L3", "memory"] and roof["memories"][2]["fits_bytes"] is None
assert all(m["bytes_per_s"] > 0 for m in roof["memories"])
assert len(load("ops")["onnx"]) >= 67 and len(load("passes")["passes"]) >= 24
assert load("verify")["packages"][0]["ok"] is True
assert all(set(k) == {"node", "op", "reason", "max_abs"} and k["max_abs"] is None for k in c["kept_fp32"])
print("ok")
P
