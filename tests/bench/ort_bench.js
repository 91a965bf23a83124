// Latency of a model in ONNX Runtime, on the inputs that `quern bench` is given, as JSON:
//   NODE_PATH=build/peers/node_modules node ort_bench.js MODEL.onnx INPUT... [--runs N] [--threads N]
// INPUT is an .npz (arrays called NAME or in.NAME) or NAME=FILE.npy. One run that is not counted, then N.
'use strict';
const fs = require('fs');
const zlib = require('zlib');
const ort = require('onnxruntime-node');

const kinds = {'<f4': ['float32', Float32Array], '<f8': ['float64', Float64Array], '<i4': ['int32', Int32Array],
    '<i8': ['int64', BigInt64Array], '|u1': ['uint8', Uint8Array], '|i1': ['int8', Int8Array], '|b1': ['bool', Uint8Array]};

// An .npy: magic, version, length of the header (2 bytes, 4 from version 2 on), a Python dictionary, the elements.
function readNpy(bytes, what) {
    const wide = bytes[6] > 1, start = wide ? 12 : 10;
    const end = start + (wide ? bytes.readUInt32LE(8) : bytes.readUInt16LE(8));
    const header = bytes.toString('latin1', start, end);
    const descr = /'descr': '([^']+)'/.exec(header)[1];
    if (!kinds[descr] || /'fortran_order': True/.test(header))
        throw new Error(`${what}: ${header}`);
    const dims = /'shape': \(([^)]*)\)/.exec(header)[1].split(',').filter((s) => s.trim()).map(Number);
    const data = bytes.buffer.slice(bytes.byteOffset + end, bytes.byteOffset + bytes.length);
    return new ort.Tensor(kinds[descr][0], new kinds[descr][1](data), dims);
}

// Entries of an .npz by its central directory, which the last 22 bytes point to.
function readNpz(path) {
    const zip = fs.readFileSync(path), arrays = {};
    let at = zip.readUInt32LE(zip.length - 6);
    for (let n = zip.readUInt16LE(zip.length - 12); n > 0; n--) {
        const method = zip.readUInt16LE(at + 10), size = zip.readUInt32LE(at + 20), local = zip.readUInt32LE(at + 42);
        const nameLength = zip.readUInt16LE(at + 28), name = zip.toString('utf8', at + 46, at + 46 + nameLength);
        const data = local + 30 + zip.readUInt16LE(local + 26) + zip.readUInt16LE(local + 28);
        const bytes = zip.subarray(data, data + size);
        arrays[name.replace(/\.npy$/, '')] = () => readNpy(method ? zlib.inflateRawSync(bytes) : Buffer.from(bytes), path);
        at += 46 + nameLength + zip.readUInt16LE(at + 30) + zip.readUInt16LE(at + 32);
    }
    return arrays;
}

function gather(inputs, names) {
    const feeds = {};
    for (const input of inputs) {
        const eq = input.indexOf('=');
        if (eq > 0) {
            feeds[input.slice(0, eq)] = readNpy(fs.readFileSync(input.slice(eq + 1)), input);
            continue;
        }
        const arrays = readNpz(input);
        for (const name of names) {
            const array = arrays['in.' + name] || arrays[name];
            if (array)
                feeds[name] = array();
        }
    }
    return feeds;
}

async function main() {
    const args = process.argv.slice(2);
    const option = (key, otherwise) => {
        const i = args.indexOf(key);
        return i < 0 ? otherwise : Number(args.splice(i, 2)[1]);
    };
    const runs = option('--runs', 5), threads = option('--threads', 2), model = args.shift();
    const now = () => Number(process.hrtime.bigint()) / 1e6;
    let start = now();
    const session = await ort.InferenceSession.create(model, {intraOpNumThreads: threads, interOpNumThreads: 1,
        graphOptimizationLevel: 'all', logSeverityLevel: 3});
    const loadMs = now() - start, feeds = gather(args, session.inputNames), ms = [];
    for (let i = 0; i <= runs; i++) {
        start = now();
        await session.run(feeds);
        ms.push(now() - start);
    }
    const first = ms.shift();
    ms.sort((a, b) => a - b);
    const median = runs % 2 ? ms[(runs - 1) / 2] : (ms[runs / 2 - 1] + ms[runs / 2]) / 2;
    console.log(JSON.stringify({load_ms: loadMs, first_run_ms: first,
        latency_ms: {median, min: ms[0], max: ms[runs - 1]}, peak_rss_bytes: process.resourceUsage().maxRSS * 1024}));
}
main().catch((error) => { console.error(error.message); process.exit(1); });
