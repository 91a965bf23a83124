#!/usr/bin/env python3
"""A second reader of .quern packages, written from docs/format.md: zipfile and the wire format by hand.

read_quern.py FILE    prints one line for each thing in the package, sorted; constants decoded to numbers (as hexadecimal
                      bits of each element); of a shipping form, of what it expands to. Needs nothing but Python's standard library.
"""
import struct
import sys
import zipfile
import zlib

DTYPES = {1: ("float32", "f"), 2: ("uint8", "B"), 3: ("int8", "b"), 4: ("uint16", "H"), 5: ("int16", "h"),
          6: ("int32", "i"), 7: ("int64", "q"), 9: ("bool", "B"), 10: ("float16", "e"), 11: ("float64", "d"),
          12: ("uint32", "I"), 13: ("uint64", "Q"), 16: ("bfloat16", None)}
# codes of whole numbers: bits, signed
WHOLE = {2: (8, False), 3: (8, True), 130: (6, False), 131: (6, True), 21: (4, False), 22: (4, True), 128: (3, False),
         129: (3, True), 25: (2, False), 26: (2, True)}
# narrow floating point: bits of exponent and mantissa, under a sign
NARROW_FLOATS = {17: (4, 3), 19: (5, 2), 132: (2, 3), 133: (3, 2), 23: (2, 1)}
POWERS = 24
CHUNK = 512


class Broken(Exception):
    pass


# ---- the wire format ----------------------------------------------------------------------------

def varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7f) << shift
        shift += 7
        if byte < 0x80:
            return value & (1 << 64) - 1, at


def signed(value):
    return value - (1 << 64) if value >> 63 else value


def fields(data):
    """(number, value) of each field: an int, 4 or 8 bytes, or bytes."""
    at = 0
    while at < len(data):
        tag, at = varint(data, at)
        wire = tag & 7
        if wire == 0:
            value, at = varint(data, at)
        elif wire == 2:
            n, at = varint(data, at)
            if at + n > len(data):
                raise Broken("a field is cut short")
            value, at = data[at:at + n], at + n
        elif wire in (1, 5):
            size = 8 if wire == 1 else 4
            value, at = data[at:at + size], at + size
        else:
            raise Broken("wire type %d" % wire)
        yield tag >> 3, value


def message(data, schema):
    """A dictionary by `schema`: number -> (name, kind, repeated)."""
    out = {name: [] if repeated else default(kind) for name, kind, repeated in schema.values()}
    for number, value in fields(data):
        if number not in schema:
            raise Broken("unknown field %d" % number)
        name, kind, repeated = schema[number]
        if repeated and kind in ("int", "uint") and isinstance(value, bytes):
            at = 0
            while at < len(value):
                v, at = varint(value, at)
                out[name].append(signed(v) if kind == "int" else v)
            continue
        if repeated and kind in ("float", "double"):
            size = 8 if kind == "double" else 4
            out[name].extend(value[i:i + size] for i in range(0, len(value), size))
            continue
        if kind == "int":
            value = signed(value)
        elif kind == "text":
            value = value.decode("utf-8")
        elif isinstance(kind, dict):
            value = message(value, kind)
        elif callable(kind):
            value = message(value, kind())
        if repeated:
            out[name].append(value)
        else:
            out[name] = value
    return out


def default(kind):
    return {"int": 0, "uint": 0, "text": "", "bytes": b"", "double": bytes(8)}.get(kind) if isinstance(kind, str) else None


PORT = {1: ("name", "text", False), 2: ("value", "uint", False)}
ATTRIBUTE = {1: ("name", "text", False), 2: ("kind", "uint", False), 3: ("ints", "int", True), 4: ("floats", "float", True),
             5: ("strings", "text", True), 6: ("tensor", "uint", False), 7: ("graph", lambda: GRAPH, False)}
NODE = {1: ("op", "text", False), 2: ("name", "text", False), 3: ("origin", "text", False), 4: ("inputs", "uint", True),
        5: ("outputs", "uint", True), 6: ("attributes", ATTRIBUTE, True), 7: ("compute", "uint", False)}
GRAPH = {1: ("name", "text", False), 2: ("inputs", PORT, True), 3: ("outputs", PORT, True), 4: ("nodes", NODE, True)}
VALUE = {1: ("name", "text", False), 2: ("origin", "text", False), 3: ("constant", "uint", False), 4: ("dtype", "uint", False),
         5: ("dims", "text", True), 6: ("unranked", "uint", False)}
CONSTANT = {1: ("name", "text", False), 2: ("dtype", "uint", False), 3: ("dims", "int", True), 4: ("encoding", "uint", False),
            5: ("code_dtype", "uint", False), 6: ("scale_dtype", "uint", False), 7: ("symmetric", "uint", False),
            8: ("axis", "uint", False), 9: ("block", "int", False), 10: ("bits", "uint", False), 11: ("entry", "text", False),
            12: ("inline", "bytes", False), 13: ("super_dtype", "uint", False), 14: ("super_block", "int", False),
            15: ("axis2", "uint", False), 16: ("block2", "int", False), 17: ("lut_dtype", "uint", False),
            18: ("lut_axis", "uint", False), 19: ("lut_group", "int", False), 20: ("width", "uint", False),
            21: ("sparse", "uint", False), 22: ("kept", "int", False), 23: ("mask_block", "int", False),
            24: ("scheme", "text", False), 25: ("reason", "text", False), 26: ("sqnr_db", "double", False)}
SYMBOL = {1: ("name", "text", False), 2: ("min", "int", False), 3: ("max", "int", False), 4: ("multiple", "int", False),
          5: ("list", "int", True)}
SOURCE = {1: ("name", "text", False), 2: ("hash", "text", False)}
PROVENANCE = {1: ("quern_version", "text", False), 2: ("recipe", "text", False), 3: ("licence", "text", False),
              4: ("producer", "text", False), 5: ("sources", SOURCE, True)}
PREPROCESS = {1: ("input", "text", False), 2: ("size", "uint", False), 3: ("height", "uint", False), 4: ("width", "uint", False),
              5: ("multiple", "uint", False), 6: ("interpolation", "uint", False), 7: ("antialias", "uint", False),
              8: ("resize_last", "uint", False), 9: ("rescale", "double", False), 10: ("mean", "double", True),
              11: ("std", "double", True)}
PACKAGE = {1: ("format_version", "uint", False), 2: ("graph", GRAPH, False), 3: ("values", VALUE, True),
           4: ("constants", CONSTANT, True), 5: ("symbols", SYMBOL, True), 6: ("provenance", PROVENANCE, False),
           7: ("preprocess", PREPROCESS, False)}


# ---- the shipping form ---------------------------------------------------------------------------------

class Shipped:
    """The entries of an archive in shipping form, expanded."""

    def __init__(self, archive):
        self.archive = archive

    def read(self, name):
        data = self.archive.read("model.pb.shipped" if name == "model.pb" else name)
        magic, crc, size, n_blocks = struct.unpack_from("<4sIQQ", data)
        if magic != b"Qsh1":
            raise Broken("%s is not in shipping form" % name)
        at, out = 24 + 40 * n_blocks, []
        for k in range(n_blocks):
            n, width, *stored = struct.unpack_from("<10I", data, 24 + 40 * k)
            if width not in (1, 2, 4, 8) or not 0 < n <= 1 << 20 or n % width or any(stored[width:]):
                raise Broken("%s: block %d" % (name, k))
            planes = []
            for length in stored[:width]:
                plane = data[at:at + length]
                at += length
                if length < n // width:
                    inflater = zlib.decompressobj(-15)
                    plane = inflater.decompress(plane)
                    if not inflater.eof or inflater.unused_data:
                        raise Broken("%s: block %d does not inflate" % (name, k))
                if len(plane) != n // width:
                    raise Broken("%s: block %d has a plane of %d bytes" % (name, k, len(plane)))
                planes.append(plane)
            out.append(join(planes, n // width, width))
        whole = b"".join(out)
        if at != len(data) or len(whole) != size or zlib.crc32(whole) != crc:
            raise Broken("%s: sizes or CRC" % name)
        return whole


def join(planes, count, width):
    out = bytearray(count * width)
    for p, plane in enumerate(planes):
        out[p::width] = plane
    for i in range(0, count * width if width > 1 else 0, width):
        word = out[i + width - 2] | out[i + width - 1] << 8
        word = word >> 1 | (word & 1) << 15
        out[i + width - 2], out[i + width - 1] = word & 255, word >> 8
    return bytes(out)


# ---- constants --------------------------------------------------------------------------------------

def size_of(dtype):
    return 2 if dtype == 16 else struct.calcsize("<" + DTYPES[dtype][1])


def product(numbers):
    n = 1
    for x in numbers:
        n *= x
    return n


def group_index(c):
    """Element -> group of its scale; and the number of groups."""
    dims = c["dims"]
    if c["axis"] == 0:
        return (lambda e: 0), 1
    sizes = [1] * len(dims)             # of a group along each axis
    a = c["axis"] - 1
    if c["block"] == 0:
        sizes = list(dims)
        sizes[a] = 1
    else:
        sizes[a] = c["block"]
        if c["block2"]:
            sizes[c["axis2"] - 1] = c["block2"]
    counts = [-(-d // s) if s else 0 for d, s in zip(dims, sizes)]

    def index(e):
        group, at = 0, []
        for d in reversed(dims):
            e, i = divmod(e, d)
            at.append(i)
        for i, s, n in zip(reversed(at), sizes, counts):
            group = group * n + i // s
        return group
    return index, product(counts)


def bits_of(dtype):
    if dtype in WHOLE:
        return WHOLE[dtype][0]
    if dtype in NARROW_FLOATS:
        return 1 + sum(NARROW_FLOATS[dtype])
    return 8 if dtype == POWERS else 8 * size_of(dtype)


def part_bytes(dtype, n):
    return -(-n * bits_of(dtype) // 8)


def narrow_float(dtype, code):
    exponent_bits, mantissa_bits = NARROW_FLOATS[dtype]
    mantissa, rest = code & (1 << mantissa_bits) - 1, code >> mantissa_bits
    exponent, sign = rest & (1 << exponent_bits) - 1, -1.0 if rest >> exponent_bits else 1.0
    bias = (1 << exponent_bits - 1) - 1
    if dtype == 19 and exponent == 31:
        return float("nan") if mantissa else sign * float("inf")
    if dtype == 17 and exponent == 15 and mantissa == 7:
        return float("nan")
    if exponent == 0:
        return sign * mantissa * 2.0 ** (1 - bias - mantissa_bits)
    return sign * (mantissa + (1 << mantissa_bits)) * 2.0 ** (exponent - bias - mantissa_bits)


def unpack_bits(data, bits, n):
    whole = int.from_bytes(data, "little")
    if whole >> n * bits:
        raise Broken("bits behind the last code")
    return [whole >> i * bits & (1 << bits) - 1 for i in range(n)]


def unpack(data, dtype, n):
    """n numbers of a dtype, or of a type of codes."""
    if dtype == 16:
        return [struct.unpack("<f", b"\0\0" + data[2 * i:2 * i + 2])[0] for i in range(n)]
    if dtype in WHOLE:
        bits, is_signed = WHOLE[dtype]
        return [c - (1 << bits) if is_signed and c >> bits - 1 else c for c in unpack_bits(data, bits, n)]
    if dtype in NARROW_FLOATS:
        return [narrow_float(dtype, c) for c in unpack_bits(data, bits_of(dtype), n)]
    if dtype == POWERS:
        return [2.0 ** (c - 127) for c in data[:n]]
    return list(struct.unpack_from("<%d%s" % (n, DTYPES[dtype][1]), data))


def single(x):
    """Rounded to float32."""
    return struct.unpack("<f", struct.pack("<f", x))[0]


def half_bits(x):
    try:
        return struct.unpack("<H", struct.pack("<e", x))[0]
    except OverflowError:
        return 0xfc00 if x < 0 else 0x7c00


def rounded_bits(x, dtype):
    """The bits of the float32 x, rounded to a dtype."""
    bits = struct.unpack("<I", struct.pack("<f", x))[0]
    if dtype == 10:
        return half_bits(x)
    return bits + 0x7fff + (bits >> 16 & 1) >> 16 if dtype == 16 else bits


class Parts:
    """The parts of an entry, in order, each at a multiple of 64."""

    def __init__(self, c, data):
        self.c, self.data, self.at = c, data, 0

    def take(self, n_bytes):
        if not n_bytes:
            return b""
        start = -(-self.at // 64) * 64
        if self.data[self.at:start].strip(b"\0"):
            raise Broken("padding is not zero")
        self.at = start + n_bytes
        return self.data[start:self.at]

    def end(self):
        if self.at != len(self.data):
            raise Broken("constant '%s' has %d bytes, not %d" % (self.c["name"], len(self.data), self.at))


def kept_places(c, mask, starts, n):
    """Element -> place among those that are stored, or None."""
    places, at = [], 0
    for e in range(n):
        if e % CHUNK == 0 and struct.unpack_from("<I", starts, e // CHUNK * 4)[0] != at:
            raise Broken("starts and mask of '%s' disagree" % c["name"])
        bit = e // c["mask_block"]
        if mask[bit // 8] >> bit % 8 & 1:
            places.append(at)
            at += 1
        else:
            places.append(None)
    if at != c["kept"]:
        raise Broken("'%s' keeps %d of %d" % (c["name"], at, c["kept"]))
    return places


def encoded_elements(c, data):
    n, parts = product(c["dims"]), Parts(c, data)
    stored = c["kept"] if c["sparse"] else n
    group, n_groups = group_index(c)
    scaled, zeros, table = c["scale_dtype"] != 0, None, None
    if c["encoding"] == 1:
        codes = unpack(parts.take(part_bytes(c["code_dtype"], stored)), c["code_dtype"], stored)
    elif c["encoding"] == 2:
        count = -(-stored // c["width"])
        codes = unpack_bits(parts.take(-(-count * c["bits"] // 8)), c["bits"], count)
    else:
        codes = unpack(parts.take(stored * size_of(c["dtype"])), c["dtype"], stored)
    if scaled:
        scales = unpack(parts.take(part_bytes(c["scale_dtype"], n_groups)), c["scale_dtype"], n_groups)
    if c["encoding"] == 1 and not c["symmetric"]:
        zeros = unpack(parts.take(part_bytes(c["code_dtype"], n_groups)), c["code_dtype"], n_groups)
    if c["encoding"] == 2:
        tables = -(-c["dims"][c["lut_axis"] - 1] // c["lut_group"]) if c["lut_axis"] else 1
        size = (1 << c["bits"]) * c["width"]
        table = unpack(parts.take(tables * size * size_of(c["lut_dtype"])), c["lut_dtype"], tables * size)
        inner = product(c["dims"][c["lut_axis"]:]) if c["lut_axis"] else 1
    if scaled and c["super_dtype"]:
        block = c["super_block"] or max(n_groups, 1)
        supers = unpack(parts.take(-(-n_groups // block) * size_of(c["super_dtype"])), c["super_dtype"], -(-n_groups // block))
        scales = [single(s * supers[g // block]) for g, s in enumerate(scales)]
    places = range(n)
    if c["sparse"]:
        bits = -(-n // c["mask_block"])
        mask = parts.take(-(-bits // 8))
        places = kept_places(c, mask, parts.take(-(-n // CHUNK) * 4), n)
    parts.end()
    for e in range(n):
        at = places[e]
        if at is None:
            yield 0.0
        elif c["encoding"] == 1:
            g = group(e)
            yield single(single(codes[at] - (zeros[g] if zeros else 0)) * scales[g])
        elif c["encoding"] == 2:
            used = e // inner % c["dims"][c["lut_axis"] - 1] // c["lut_group"] if c["lut_axis"] else 0
            x = table[used * size + codes[at // c["width"]] * c["width"] + e % c["width"]]
            yield single(x * scales[group(e)]) if scaled else x
        else:
            yield codes[at]


def elements(c, package, archive):
    """The bits of each element of a constant, C order."""
    n = product(c["dims"])
    dtype = c["dtype"]
    width = size_of(dtype)
    data = archive.read(c["entry"]) if c["entry"] else c["inline"]
    if c["encoding"] == 0:
        if len(data) != n * width:
            raise Broken("constant '%s' has %d bytes" % (c["name"], len(data)))
        return [int.from_bytes(data[i * width:(i + 1) * width], "little") for i in range(n)]
    if c["encoding"] > 3:
        raise Broken("encoding %d" % c["encoding"])
    return [rounded_bits(x, dtype) for x in encoded_elements(c, data)]


# ---- lines ----------------------------------------------------------------------------------------------

def dump(path):
    archive = zipfile.ZipFile(path)
    for info in archive.infolist():
        if info.compress_type != zipfile.ZIP_STORED:
            raise Broken("%s is compressed" % info.filename)
    with open(path, "rb") as f:
        for info in archive.infolist():
            f.seek(info.header_offset + 26)
            name, extra = struct.unpack("<HH", f.read(4))
            if (info.header_offset + 30 + name + extra) % 64:
                raise Broken("%s is not aligned" % info.filename)
    bad = archive.testzip()
    if bad:
        raise Broken("%s has a wrong CRC" % bad)
    if archive.namelist()[0] == "model.pb.shipped":
        archive = Shipped(archive)
    package = message(archive.read("model.pb"), PACKAGE)
    if package["format_version"] != 1:
        raise Broken("format version %d" % package["format_version"])
    values = package["values"]
    lines = []

    def ref(index):
        return values[index - 1]["name"] if index else "_"

    def attribute(a):
        kind = chr(a["kind"])
        if kind in "iI":
            text = ",".join(str(v) for v in a["ints"])
        elif kind in "fF":
            text = ",".join("%08x" % struct.unpack("<I", v)[0] for v in a["floats"])
        elif kind in "sS":
            text = ",".join(a["strings"])
        elif kind == "t":
            text = constant(package["constants"][a["tensor"] - 1])
        else:
            walk(a["graph"], "inner")
            text = "graph"
        return "%s=%s:%s" % (a["name"], kind, text)

    def constant(c):
        bits = elements(c, package, archive)
        return "%s[%s] %s" % (DTYPES[c["dtype"]][0], ",".join(map(str, c["dims"])), ",".join("%x" % b for b in bits))

    def walk(graph, what):
        for p in graph["inputs"]:
            lines.append("%s input %s = %s" % (what, p["name"], ref(p["value"])))
        for p in graph["outputs"]:
            lines.append("%s output %s = %s" % (what, p["name"], ref(p["value"])))
        for n in graph["nodes"]:
            lines.append("node %s '%s' origin '%s' compute %d (%s) -> (%s) {%s}" % (
                n["op"], n["name"], n["origin"], n["compute"], ",".join(map(ref, n["inputs"])),
                ",".join(map(ref, n["outputs"])), " ".join(sorted(map(attribute, n["attributes"])))))

    walk(package["graph"], "outer")
    for v in values:
        origin = " origin '%s'" % v["origin"]
        if v["constant"]:
            lines.append("constant %s%s: %s" % (v["name"], origin, constant(package["constants"][v["constant"] - 1])))
        else:
            dims = "..." if v["unranked"] else ",".join(v["dims"])
            dtype = DTYPES[v["dtype"]][0] if v["dtype"] else "none"
            lines.append("value %s%s: %s[%s]" % (v["name"], origin, dtype, dims))
    for s in package["symbols"]:
        lines.append("symbol %s %d..%d:%d %s" % (s["name"], s["min"], s["max"], s["multiple"], "|".join(map(str, s["list"]))))
    p = package["provenance"]
    if p:
        lines.append("provenance '%s' '%s' '%s' '%s'" % (p["quern_version"], p["recipe"], p["licence"], p["producer"]))
        for s in p["sources"]:
            lines.append("source '%s' %s" % (s["name"], s["hash"]))
    p = package["preprocess"]
    if p:
        numbers = [p["rescale"]] + p["mean"] + p["std"]
        lines.append("preprocess '%s' size %d %dx%d:%d interpolation %d %d %d %s" % (
            p["input"], p["size"], p["height"], p["width"], p["multiple"], p["interpolation"], p["antialias"],
            p["resize_last"], " ".join("%016x" % struct.unpack("<Q", v)[0] for v in numbers)))
    return sorted(lines)


if __name__ == "__main__":
    try:
        sys.stdout.write("\n".join(dump(sys.argv[1])) + "\n")
    except (Broken, zipfile.BadZipFile, zlib.error, KeyError, IndexError, struct.error) as e:
        sys.stderr.write("%s: %s\n" % (sys.argv[1], e))
        sys.exit(3)
