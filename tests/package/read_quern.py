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
# bits; integers: signed or not; floating point: bits of the exponent and of the mantissa; None: a power of two
CODES = {2: (8, False), 3: (8, True), 130: (6, False), 131: (6, True), 21: (4, False), 22: (4, True), 128: (3, False),
         129: (3, True), 25: (2, False), 26: (2, True), 17: (8, (4, 3)), 19: (8, (5, 2)), 132: (6, (2, 3)), 133: (6, (3, 2)),
         23: (4, (2, 1)), 24: (8, None)}
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


def ceil_div(n, by):
    return -(-n // by)


def group_index(c):
    """Element -> group of its scale; and the number of groups."""
    dims = c["dims"]
    if c["axis"] == 0:
        return (lambda e: 0), 1
    a = c["axis"] - 1
    if c["block"] == 0:
        inner = product(dims[a + 1:])
        return (lambda e: e // inner % dims[a]), dims[a]
    by = [1] * len(dims)
    by[a] = c["block"]
    if c["block2"]:
        by[c["axis2"] - 1] = c["block2"]

    def index(e):
        group, step = 0, 1
        for size, block in zip(reversed(dims), reversed(by)):
            e, at = divmod(e, size)
            group += at // block * step
            step *= ceil_div(size, block)
        return group
    return index, product(map(ceil_div, dims, by))


def table_index(c):
    """Element -> table of a palette; and the number of tables."""
    if c["lut_axis"] == 0:
        return (lambda e: 0), 1
    size, inner = c["dims"][c["lut_axis"] - 1], product(c["dims"][c["lut_axis"]:])
    return (lambda e: e // inner % size // c["lut_group"]), ceil_div(size, c["lut_group"])


def bits_of(dtype):
    return CODES[dtype][0] if dtype in CODES else 8 * size_of(dtype)


def unpack(data, bits, n):
    """n unsigned numbers, packed."""
    whole = int.from_bytes(data, "little")
    if whole >> n * bits:
        raise Broken("bits behind the last code")
    if bits == 8:
        return data
    wide = bin(whole | 1 << n * bits)[3:]
    return [int(wide[i - bits:i], 2) for i in range(n * bits, 0, -bits)]


def number(code, dtype):
    """What the bits of a code stand for."""
    bits, kind = CODES[dtype]
    if kind is None:
        return float("nan") if code == 255 else 2.0 ** (code - 127)
    half = 1 << bits - 1
    if kind is True or kind is False:
        return code - 2 * half if kind and code >= half else code
    exponents, mantissas = kind
    sign, rest = (-1.0 if code >= half else 1.0), code % half
    exponent, mantissa = rest >> mantissas, rest % (1 << mantissas)
    if dtype == 17 and rest == 127 or dtype == 19 and exponent == 31 and mantissa:
        return float("nan")
    if dtype == 19 and exponent == 31:
        return sign * float("inf")
    return sign * (mantissa + (1 << mantissas if exponent else 0)) * 2.0 ** (
        max(exponent, 1) - ((1 << exponents - 1) - 1) - mantissas)


def numbers(data, dtype, n):
    if dtype == 16:
        return [struct.unpack("<f", b"\0\0" + data[2 * i:2 * i + 2])[0] for i in range(n)]
    if dtype not in CODES:
        return struct.unpack_from("<%d%s" % (n, DTYPES[dtype][1]), data)
    table = [number(code, dtype) for code in range(1 << CODES[dtype][0])]
    return [table[code] for code in unpack(data, CODES[dtype][0], n)]


def float32(x):
    """Rounded; a product of two float32 is exact in Python's float, so this is their product in float32."""
    try:
        return struct.unpack("<f", struct.pack("<f", x))[0]
    except OverflowError:
        return float("inf") if x > 0 else float("-inf")


def half_bits(x):
    try:
        return struct.unpack("<H", struct.pack("<e", x))[0]
    except OverflowError:
        return 0xfc00 if x < 0 else 0x7c00


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
    if c["encoding"] not in (1, 2, 3):
        raise Broken("encoding %d" % c["encoding"])
    out = []
    for x in encoded(c, data, n):
        bits = struct.unpack("<I", struct.pack("<f", x))[0]
        if dtype == 10:
            out.append(half_bits(x))
        elif dtype == 16:
            out.append(bits + 0x7fff + (bits >> 16 & 1) >> 16)
        else:
            out.append(bits)
    return out


def encoded(c, data, n):
    """The elements of an affine, palette or sparse constant as float32."""
    affine, palette = c["encoding"] == 1, c["encoding"] == 2
    stored = c["kept"] if c["sparse"] else n
    width = c["width"] if palette else 1
    indices = ceil_div(stored, width)
    group, n_groups = group_index(c) if c["scale_dtype"] else (None, 0)
    table, n_tables = table_index(c) if palette else (None, 0)
    n_supers = 0 if not c["super_dtype"] else ceil_div(n_groups, c["super_block"]) if c["super_block"] else min(n_groups, 1)
    n_zeros = n_groups if affine and not c["symmetric"] else 0
    n_entries = n_tables * width << c["bits"]
    n_marks = ceil_div(n, c["mask_block"]) if c["sparse"] else 0
    starts_bytes = 4 * ceil_div(n, CHUNK) if c["sparse"] else 0
    first_bits = bits_of(c["code_dtype"]) if affine else c["bits"] if palette else 8 * size_of(c["dtype"])
    sizes = [ceil_div(indices * first_bits, 8), ceil_div(n_groups * bits_of(c["scale_dtype"]), 8) if n_groups else 0,
             ceil_div(n_zeros * bits_of(c["code_dtype"]), 8) if n_zeros else 0,
             n_entries * size_of(c["lut_dtype"]) if palette else 0,
             n_supers * size_of(c["super_dtype"]) if n_supers else 0, ceil_div(n_marks, 8), starts_bytes]
    parts, at = [], 0
    for size in sizes:
        if size:
            start = ceil_div(at, 64) * 64
            if data[at:start].strip(b"\0"):
                raise Broken("padding is not zero")
            at = start + size
        parts.append(data[at - size:at])
    if at != len(data):
        raise Broken("constant '%s' has %d bytes, not %d" % (c["name"], len(data), at))

    places = range(n)
    if c["sparse"]:
        marks, places, kept, starts = unpack(parts[5], 1, n_marks), [], 0, []
        for e in range(n):
            if e % CHUNK == 0:
                starts.append(kept)
            places.append(kept if marks[e // c["mask_block"]] else None)
            kept += marks[e // c["mask_block"]]
        if kept != stored or list(struct.unpack("<%dI" % len(starts), parts[6])) != starts:
            raise Broken("constant '%s': its mask does not agree with its starts" % c["name"])
    scales = numbers(parts[1], c["scale_dtype"], n_groups) if n_groups else []
    if n_supers:
        supers = numbers(parts[4], c["super_dtype"], n_supers)
        scales = [float32(s * supers[g // c["super_block"] if c["super_block"] else 0]) for g, s in enumerate(scales)]
    zeros = numbers(parts[2], c["code_dtype"], n_zeros) if n_zeros else [0] * n_groups
    if palette:
        codes, entries = unpack(parts[0], c["bits"], indices), numbers(parts[3], c["lut_dtype"], n_entries)
    else:
        codes = numbers(parts[0], c["code_dtype"] if affine else c["dtype"], stored)

    def element(e, place):
        if place is None:
            return 0.0
        if palette:
            x = entries[((table(e) << c["bits"]) + codes[place // width]) * width + place % width]
            return float32(x * scales[group(e)]) if n_groups else x
        if affine:
            return float32((codes[place] - zeros[group(e)]) * scales[group(e)])
        return codes[place]
    return [element(e, place) for e, place in enumerate(places)]


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
