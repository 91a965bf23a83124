/* The format as https://huggingface.co/docs/safetensors describes it: what a file may be, and one row per refusal. */
#include "read/safetensors.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/map.h"
#include "tests/read/safetensors_build.h"
#include "tests/read/safetensors_fit.h"
#include "tests/test.h"

typedef struct parsed {
    qn_context *ctx;
    qn_arena *arena;
    qn_buf bytes;
    qn_safetensors file;
} parsed;

/* A file that must be read; n bytes of elements, 0, 1, 2, ... */
static parsed parse(const char *header, size_t n) {
    parsed p = {.ctx = qn_test_context(), .arena = qn_arena_create(), .bytes = st_file(header, NULL, n)};
    ASSERT_OK(p.ctx, qn_safetensors_parse(p.ctx, p.arena, "t", p.bytes.data, p.bytes.n, &p.file));
    return p;
}

static void end(parsed *p) {
    qn_safetensors_close(&p->file);
    qn_arena_destroy(p->arena);
    qn_buf_free(&p->bytes);
    qn_context_destroy(p->ctx);
}

static const qn_safetensors_tensor *tensor(const parsed *p, const char *name) {
    const qn_safetensors_tensor *t = qn_table_get(p->file.by_name, name);
    assert_non_null(t);
    assert_string_equal(t->name, name);
    return t;
}

/* ---- what is read ---------------------------------------------------------------------------------------- */

QN_TEST(read_safetensors_types) {
    static const struct {
        const char *name;
        qn_dtype dtype;
        size_t bytes;
    } rows[] = {{"BOOL", QN_BOOL, 1}, {"U8", QN_U8, 1}, {"I8", QN_I8, 1}, {"U16", QN_U16, 2}, {"I16", QN_I16, 2},
                {"F16", QN_F16, 2}, {"BF16", QN_BF16, 2}, {"U32", QN_U32, 4}, {"I32", QN_I32, 4}, {"F32", QN_F32, 4},
                {"U64", QN_U64, 8}, {"I64", QN_I64, 8}, {"F64", QN_F64, 8}, {"C64", QN_NONE, 8},
                {"F8_E5M2", QN_NONE, 1}, {"F8_E4M3", QN_NONE, 1}, {"F8_E8M0", QN_NONE, 1}, {"F8_E4M3FNUZ", QN_NONE, 1},
                {"F8_E5M2FNUZ", QN_NONE, 1}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char header[200];
        snprintf(header, sizeof header, "{\"x\": {\"dtype\": \"%s\", \"shape\": [3, 2], \"data_offsets\": [0, %zu]}}",
                 rows[i].name, 6 * rows[i].bytes);
        parsed p = parse(header, 6 * rows[i].bytes);
        const qn_safetensors_tensor *t = tensor(&p, "x");
        assert_string_equal(t->type->name, rows[i].name);
        assert_int_equal(t->type->dtype, rows[i].dtype);
        assert_int_equal(t->n_bytes, 6 * rows[i].bytes);
        assert_int_equal(t->rank, 2);
        assert_true(t->dims[0] == 3 && t->dims[1] == 2);
        assert_ptr_equal(t->data, p.bytes.data + p.bytes.n - t->n_bytes);
        end(&p);
    }
}

/* Scalars, tensors without elements (which occupy no bytes, wherever they say they are), and as many dimensions as can be. */
QN_TEST(read_safetensors_shapes) {
    parsed p = parse("{\"scalar\": {\"dtype\": \"I16\", \"shape\": [], \"data_offsets\": [0, 2]},"
                     " \"none\": {\"dtype\": \"F64\", \"shape\": [0], \"data_offsets\": [2, 2]},"
                     " \"first\": {\"dtype\": \"F32\", \"shape\": [1, 0, 9223372036854775807], \"data_offsets\": [0, 0]},"
                     " \"deep\": {\"dtype\": \"U8\", \"shape\": [1, 1, 1, 1, 1, 1, 1, 3], \"data_offsets\": [2, 5]},"
                     " \"last\": {\"dtype\": \"F32\", \"shape\": [0, 2], \"data_offsets\": [5, 5]}}", 5);
    assert_int_equal(p.file.n_tensors, 5);
    const qn_safetensors_tensor *t = tensor(&p, "scalar");
    assert_true(t->rank == 0 && t->n_bytes == 2 && t->data[0] == 0 && t->data[1] == 1);
    t = tensor(&p, "none");
    assert_true(t->rank == 1 && t->dims[0] == 0 && t->n_bytes == 0);
    t = tensor(&p, "first");
    assert_true(t->rank == 3 && t->n_bytes == 0 && t->dims[2] == INT64_MAX);
    t = tensor(&p, "deep");
    assert_true(t->rank == QN_MAX_RANK && t->dims[7] == 3 && t->data[0] == 2);
    assert_int_equal(tensor(&p, "last")->n_bytes, 0);
    end(&p);
}

QN_TEST(read_safetensors_without_tensors) {
    static const char *const headers[] = {"{}", "{}      ", "{ }", "{\"__metadata__\": {}}"};
    for (size_t i = 0; i < sizeof headers / sizeof headers[0]; i++) {
        parsed p = parse(headers[i], 0);
        assert_int_equal(p.file.n_tensors, 0);
        assert_int_equal(p.file.n_notes, 0);
        assert_null(qn_table_get(p.file.by_name, "x"));
        assert_null(qn_table_get(p.file.by_name, "__metadata__"));
        end(&p);
    }
}

/* Spaces behind the header, as writers add them to align the elements. */
QN_TEST(read_safetensors_metadata) {
    parsed p = parse("{\"__metadata__\": {\"format\": \"pt\", \"\": \"\", \"a\\\"b\": \"caf\\u00e9 \\ud83d\\ude00\"},"
                     " \"x\": {\"dtype\": \"U8\", \"shape\": [1], \"data_offsets\": [0, 1]}}     ", 1);
    assert_int_equal(p.file.n_notes, 3);
    assert_int_equal(p.file.n_tensors, 1);
    int found = 0;
    for (int32_t i = 0; i < p.file.n_notes; i++) {
        const qn_note *note = &p.file.notes[i];
        found += strcmp(note->key, "format") == 0 && strcmp(note->text, "pt") == 0;
        found += strcmp(note->key, "") == 0 && strcmp(note->text, "") == 0;
        found += strcmp(note->key, "a\"b") == 0 && strcmp(note->text, "caf\xc3\xa9 \xf0\x9f\x98\x80") == 0;
    }
    assert_int_equal(found, 3);
    assert_int_equal(tensor(&p, "x")->data[0], 0);
    end(&p);
}

/* Keys in any order; names are any text; elements at any address: here float32 after 1 byte. Listed by their bytes. */
QN_TEST(read_safetensors_order) {
    parsed p = parse("{\"z\": {\"data_offsets\": [5, 9], \"shape\": [2], \"dtype\": \"F16\"},"
                     " \"\": {\"shape\": [], \"dtype\": \"F32\", \"data_offsets\": [1, 5]},"
                     " \"\\u00fc/\\n'%s\": {\"dtype\": \"U8\", \"data_offsets\": [0, 1], \"shape\": [1]}}", 9);
    assert_int_equal(p.file.n_tensors, 3);
    assert_string_equal(p.file.tensors[0].name, "\xc3\xbc/\n'%s");
    assert_string_equal(p.file.tensors[1].name, "");
    assert_string_equal(p.file.tensors[2].name, "z");
    assert_int_equal(tensor(&p, "z")->data[0], 5);
    assert_int_equal(tensor(&p, "")->data[0], 1);
    assert_ptr_equal(tensor(&p, "z"), &p.file.tensors[2]);
    end(&p);
}

/* ---- what is refused ----------------------------------------------------------------------------------------- */

/* A header whose only tensor "a" is { DTYPE, SHAPE, OFFSETS }. */
#define A(DTYPE, SHAPE, OFFSETS) "{\"a\": {\"dtype\": " DTYPE ", \"shape\": " SHAPE ", \"data_offsets\": " OFFSETS "}}"
#define U8(NAME, N, BEGIN, END) "\"" NAME "\": {\"dtype\": \"U8\", \"shape\": [" N "], \"data_offsets\": [" BEGIN ", " END "]}"

static const struct {
    const char *header;
    size_t n;            /* bytes of elements */
    qn_status status;
    const char *message;
} g_refusals[] = {
    /* what is no such header */
    {"", 0, QN_MALFORMED, "t: the header does not begin with '{'"},
    {" {}", 0, QN_MALFORMED, "t: the header does not begin with '{'"},
    {"[]", 0, QN_MALFORMED, "t: the header does not begin with '{'"},
    {"\xef\xbb\xbf{}", 0, QN_MALFORMED, "t: the header does not begin with '{'"},
    {"{", 0, QN_MALFORMED, "t:1:1: "},
    {"{} {}", 0, QN_MALFORMED, "end of file expected"},
    {"{}\x01", 0, QN_MALFORMED, "t:1:"},
    {"{\"a\": nan}", 0, QN_MALFORMED, "t:1:"},
    {"{\"a\": 1,}", 0, QN_MALFORMED, "t:1:"},
    {"{'a': 1}", 0, QN_MALFORMED, "t:1:"},
    {"{\"a\xff\": 1}", 0, QN_MALFORMED, "unable to decode byte 0xff"},
    {"{\"a\xc0\xaf\": 1}", 0, QN_MALFORMED, "unable to decode byte 0xc0"},
    {"{\"a\xed\xa0\x80\": 1}", 0, QN_MALFORMED, "unable to decode byte 0xed"},
    {"{\"a\\ud800\": 1}", 0, QN_MALFORMED, "t:1:"},
    {"{\"a\\u0000b\": 1}", 0, QN_MALFORMED, "NUL byte in object key"},
    {"{\"__metadata__\": {\"k\": \"a\\u0000b\"}}", 0, QN_MALFORMED, "\\u0000 is not allowed"},
    /* keys */
    {"{" U8("a", "1", "0", "1") ", " U8("a", "1", "1", "2") "}", 2, QN_MALFORMED, "duplicate object key near '\"a\"'"},
    {"{" U8("a", "1", "0", "1") ", " U8("\\u0061", "1", "1", "2") "}", 2, QN_MALFORMED, "duplicate object key"},
    {"{\"a\": {\"dtype\": \"U8\", \"dtype\": \"U8\", \"shape\": [1], \"data_offsets\": [0, 1]}}", 1, QN_MALFORMED,
     "duplicate object key near '\"dtype\"'"},
    {"{\"__metadata__\": {\"k\": \"1\", \"k\": \"2\"}}", 0, QN_MALFORMED, "duplicate object key near '\"k\"'"},
    {"{\"__metadata__\": {}, \"__metadata__\": {}}", 0, QN_MALFORMED, "duplicate object key"},
    {"{\"a\": {\"dtype\": \"U8\", \"shape\": [1], \"data_offsets\": [0, 1], \"stride\": [1]}}", 1, QN_MALFORMED,
     "t: a.stride is no key of a tensor"},
    {"{\"a\": {\"dtype\": \"U8\", \"shape\": [1], \"offsets\": [0, 1]}}", 1, QN_MALFORMED, "t: a.offsets is no key of a tensor"},
    {"{\"a\": {\"shape\": [1], \"data_offsets\": [0, 1]}}", 1, QN_MALFORMED, "t: a.dtype is missing"},
    {"{\"a\": {\"dtype\": \"U8\", \"data_offsets\": [0, 1]}}", 1, QN_MALFORMED, "t: a.shape is missing"},
    {"{\"a\": {\"dtype\": \"U8\", \"shape\": [1]}}", 1, QN_MALFORMED, "t: a.data_offsets is missing"},
    {"{\"a\": {}}", 0, QN_MALFORMED, "t: a.dtype is missing"},
    /* kinds */
    {"{\"a\": 1}", 0, QN_MALFORMED, "t: a is no object"},
    {"{\"a\": \"U8\"}", 0, QN_MALFORMED, "t: a is no object"},
    {"{\"a\": []}", 0, QN_MALFORMED, "t: a is no object"},
    {"{\"a\": null}", 0, QN_MALFORMED, "t: a is missing"},
    {A("1", "[1]", "[0, 1]"), 1, QN_MALFORMED, "t: a.dtype is no text"},
    {A("null", "[1]", "[0, 1]"), 1, QN_MALFORMED, "t: a.dtype is missing"},
    {A("\"U8\"", "1", "[0, 1]"), 1, QN_MALFORMED, "t: a.shape is no list"},
    {A("\"U8\"", "{}", "[0, 1]"), 1, QN_MALFORMED, "t: a.shape is no list"},
    {A("\"U8\"", "null", "[0, 1]"), 1, QN_MALFORMED, "t: a.shape is no list"},
    {A("\"U8\"", "[\"1\"]", "[0, 1]"), 1, QN_MALFORMED, "t: a.shape holds what is no whole number"},
    {A("\"U8\"", "[true]", "[0, 1]"), 1, QN_MALFORMED, "t: a.shape holds what is no whole number"},
    {A("\"U8\"", "[null]", "[0, 1]"), 1, QN_MALFORMED, "t: a.shape holds what is no whole number"},
    {A("\"U8\"", "[[1]]", "[0, 1]"), 1, QN_MALFORMED, "t: a.shape holds what is no whole number"},
    {A("\"U8\"", "[1.0]", "[0, 1]"), 1, QN_MALFORMED, "t: a.shape holds what is no whole number"},
    {A("\"U8\"", "[1e0]", "[0, 1]"), 1, QN_MALFORMED, "t: a.shape holds what is no whole number"},
    {A("\"U8\"", "[1.5]", "[0, 1]"), 1, QN_MALFORMED, "t: a.shape holds what is no whole number"},
    {A("\"U8\"", "[1]", "0"), 1, QN_MALFORMED, "t: a.data_offsets is no list"},
    {A("\"U8\"", "[1]", "[0.0, 1]"), 1, QN_MALFORMED, "t: a.data_offsets holds what is no whole number"},
    {A("\"U8\"", "[1]", "[\"0\", \"1\"]"), 1, QN_MALFORMED, "t: a.data_offsets holds what is no whole number"},
    {A("\"U8\"", "[1]", "[]"), 1, QN_MALFORMED, "t: a.data_offsets has 0 entries, not 2"},
    {A("\"U8\"", "[1]", "[1]"), 1, QN_MALFORMED, "t: a.data_offsets has 1 entries, not 2"},
    {A("\"U8\"", "[1]", "[0, 1, 2]"), 1, QN_MALFORMED, "t: a.data_offsets has 3 entries, not 2"},
    {"{\"__metadata__\": []}", 0, QN_MALFORMED, "t: __metadata__ is no object"},
    {"{\"__metadata__\": \"x\"}", 0, QN_MALFORMED, "t: __metadata__ is no object"},
    {"{\"__metadata__\": {\"k\": 1}}", 0, QN_MALFORMED, "t: __metadata__.k is no text"},
    {"{\"__metadata__\": {\"k\": {}}}", 0, QN_MALFORMED, "t: __metadata__.k is no text"},
    {"{\"__metadata__\": {\"k\": null}}", 0, QN_MALFORMED, "t: __metadata__.k is missing"},
    /* numbers */
    {A("\"U8\"", "[-1]", "[0, 1]"), 1, QN_MALFORMED, "t: a.shape is -1, not in 0.."},
    {A("\"U8\"", "[9223372036854775808]", "[0, 1]"), 1, QN_MALFORMED, "too big integer"},
    {A("\"U8\"", "[1e999]", "[0, 1]"), 1, QN_MALFORMED, "real number overflow"},
    {A("\"U8\"", "[1]", "[-1, 0]"), 1, QN_MALFORMED, "t: a.data_offsets is -1, not in 0.."},
    {A("\"U8\"", "[1]", "[0, 18446744073709551617]"), 1, QN_MALFORMED, "too big integer"},
    {A("\"U8\"", "[4611686018427387904, 4]", "[0, 0]"), 0, QN_MALFORMED, "t: a.shape has more elements than can be counted"},
    {A("\"U8\"", "[4294967296, 4294967296, 0]", "[0, 0]"), 0, QN_MALFORMED, "t: a.shape has more elements than can be counted"},
    {A("\"F64\"", "[2305843009213693952]", "[0, 0]"), 0, QN_MALFORMED, "t: a.shape has more elements than can be counted"},
    /* 2^61 elements of 8 bits: 2^64 bits, which wraps to none */
    {A("\"U8\"", "[2305843009213693952]", "[0, 0]"), 0, QN_MALFORMED, "t: a.shape has more elements than can be counted"},
    {A("\"U8\"", "[1, 1, 1, 1, 1, 1, 1, 1, 1]", "[0, 1]"), 1, QN_UNSUPPORTED,
     "t: tensor 'a' has 9 dimensions, at most 8 are read"},
    /* places */
    {A("\"U8\"", "[1]", "[1, 0]"), 1, QN_MALFORMED, "t: a.data_offsets [1, 0] are no part of the 1 bytes of elements"},
    {A("\"U8\"", "[2]", "[0, 2]"), 1, QN_MALFORMED, "t: a.data_offsets [0, 2] are no part of the 1 bytes of elements (is the file cut short?)"},
    {A("\"U8\"", "[0]", "[9223372036854775807, 9223372036854775807]"), 1, QN_MALFORMED, "are no part of the 1 bytes of elements"},
    {A("\"U8\"", "[1]", "[0, 9223372036854775807]"), 1, QN_MALFORMED, "are no part of the 1 bytes of elements"},
    {A("\"U8\"", "[2]", "[0, 1]"), 1, QN_MALFORMED, "t: a.data_offsets hold 1 bytes, the shape needs 2"},
    {A("\"F32\"", "[1]", "[0, 3]"), 3, QN_MALFORMED, "t: a.data_offsets hold 3 bytes, the shape needs 4"},
    {A("\"F32\"", "[]", "[0, 0]"), 0, QN_MALFORMED, "t: a.data_offsets hold 0 bytes, the shape needs 4"},
    {A("\"F32\"", "[0]", "[0, 4]"), 4, QN_MALFORMED, "t: a.data_offsets hold 4 bytes, the shape needs 0"},
    {A("\"C64\"", "[1]", "[0, 4]"), 4, QN_MALFORMED, "t: a.data_offsets hold 4 bytes, the shape needs 8"},
    {"{" U8("a", "2", "0", "2") ", " U8("b", "2", "1", "3") "}", 3, QN_MALFORMED, "t: tensor 'b' overlaps a"},
    {"{" U8("a", "2", "0", "2") ", " U8("b", "2", "0", "2") "}", 2, QN_MALFORMED, "t: tensor 'b' overlaps a"},
    {"{" U8("a", "3", "0", "3") ", " U8("b", "1", "1", "2") "}", 3, QN_MALFORMED, "t: tensor 'b' overlaps a"},
    {"{" U8("a", "3", "0", "3") ", " U8("b", "0", "1", "1") "}", 3, QN_MALFORMED, "t: tensor 'b' overlaps a"},
    {"{" U8("a", "1", "1", "2") "}", 2, QN_MALFORMED, "t: tensor 'a' leaves a hole after the header"},
    {"{" U8("a", "1", "0", "1") ", " U8("b", "1", "2", "3") "}", 3, QN_MALFORMED, "t: tensor 'b' leaves a hole after a"},
    {"{" U8("a", "1", "0", "1") "}", 2, QN_MALFORMED, "t: 1 bytes after a belong to no tensor"},
    {"{" U8("a", "0", "2", "2") "}", 2, QN_MALFORMED, "t: tensor 'a' leaves a hole after the header"},
    {"{}", 1, QN_MALFORMED, "t: 1 bytes after the header belong to no tensor"},
    /* types */
    {A("\"F128\"", "[1]", "[0, 16]"), 16, QN_UNSUPPORTED, "t: tensor 'a' has the type 'F128', which is not known"},
    {A("\"f32\"", "[1]", "[0, 4]"), 4, QN_UNSUPPORTED, "t: tensor 'a' has the type 'f32', which is not known"},
    {A("\"\"", "[1]", "[0, 4]"), 4, QN_UNSUPPORTED, "t: tensor 'a' has the type '', which is not known"},
    {A("\"F4\"", "[2]", "[0, 1]"), 1, QN_UNSUPPORTED, "t: tensor 'a' has the type F4, narrower than a byte, which is not read"},
    {A("\"F6_E2M3\"", "[4]", "[0, 3]"), 3, QN_UNSUPPORTED, "t: tensor 'a' has the type F6_E2M3, narrower than a byte"},
    {A("\"F6_E3M2\"", "[4]", "[0, 3]"), 3, QN_UNSUPPORTED, "t: tensor 'a' has the type F6_E3M2, narrower than a byte"},
};

static void refused(const void *data, size_t n, qn_status status, const char *message) {
    qn_context *ctx = qn_test_context();
    qn_arena *arena = qn_arena_create();
    qn_safetensors file;
    /* a copy without room behind it, so that sanitizers see a read past the end */
    uint8_t *copy = malloc(n ? n : 1);
    assert_non_null(copy);
    if (n)
        memcpy(copy, data, n);
    ASSERT_FAILS(ctx, status, message, qn_safetensors_parse(ctx, arena, "t", copy, n, &file));
    free(copy);
    qn_arena_destroy(arena);
    qn_context_destroy(ctx);
}

QN_TEST(read_safetensors_refusals) {
    for (size_t i = 0; i < sizeof g_refusals / sizeof g_refusals[0]; i++) {
        qn_buf bytes = st_file(g_refusals[i].header, NULL, g_refusals[i].n);
        refused(bytes.data, bytes.n, g_refusals[i].status, g_refusals[i].message);
        qn_buf_free(&bytes);
    }
}

QN_TEST(read_safetensors_header_sizes) {
    static const struct {
        const char *bytes;
        size_t n;
        const char *message;
    } rows[] = {
        {"", 0, "t: 0 bytes are no safetensors file"},
        {"\2\0\0\0\0\0\0", 7, "t: 7 bytes are no safetensors file"},
        {"\0\0\0\0\0\0\0\0", 8, "t: the header does not begin with '{'"},
        {"\0\0\0\0\0\0\0\0{}", 10, "t: the header does not begin with '{'"},
        {"\2\0\0\0\0\0\0\0", 8, "t: a header of 2 bytes in a file of 8"},
        {"\3\0\0\0\0\0\0\0{}", 10, "t: a header of 3 bytes in a file of 10"},
        {"\0\xe1\xf5\5\0\0\0\0{}", 10, "t: a header of 100000000 bytes in a file of 10"},
        {"\1\xe1\xf5\5\0\0\0\0{}", 10, "t: a header of 100000001 bytes, the format ends at 100000000: no safetensors file"},
        {"\xff\xff\xff\xff\xff\xff\xff\xff{}", 10, "t: a header of 18446744073709551615 bytes, the format ends at"},
        {"\xf8\xff\xff\xff\xff\xff\xff\xff{}", 10, "t: a header of 18446744073709551608 bytes, the format ends at"},
        {"\1\0\0\0\0\0\0\0{}", 10, "t:1:1: "},
        {"version https://git-lfs.github.com/spec/v1\n", 43, "t: a pointer of Git LFS in place of the file"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        refused(rows[i].bytes, rows[i].n, QN_MALFORMED, rows[i].message);
}

/* Every beginning of a good file is refused. */
QN_TEST(read_safetensors_truncated) {
    qn_buf bytes = st_names("a,b");
    for (size_t n = 0; n < bytes.n; n++)
        refused(bytes.data, n, QN_MALFORMED, "t");
    qn_buf_free(&bytes);
}

/* Headers that would take much memory or stack: many values, deep ones. */
QN_TEST(read_safetensors_large_headers) {
    enum { MANY = (4 << 20) + 1, DEEP = 100000 };
    char *header = malloc(MANY + 1);
    assert_non_null(header);
    memset(header, ',', MANY);
    header[0] = '{';
    header[MANY] = 0;
    qn_buf bytes = st_file(header, NULL, 0);
    refused(bytes.data, bytes.n, QN_UNSUPPORTED, "t: more than 4194304 values");
    qn_buf_free(&bytes);
    memset(header, '[', DEEP);
    memcpy(header, "{\"a\":", 5);
    header[DEEP] = 0;
    bytes = st_file(header, NULL, 0);
    refused(bytes.data, bytes.n, QN_MALFORMED, "maximum parsing depth reached");
    qn_buf_free(&bytes);
    free(header);
}

/* A name longer than a message. */
QN_TEST(read_safetensors_long_name) {
    enum { LONG = 100000 };
    char *header = malloc(LONG + 100);
    assert_non_null(header);
    memset(header, 'n', LONG);
    memcpy(header, "{\"", 2);
    strcpy(header + LONG, "\": {\"dtype\": \"U8\", \"shape\": [1], \"data_offsets\": [0, 1]}}");
    parsed p = parse(header, 1);
    assert_int_equal(strlen(p.file.tensors[0].name), LONG - 2);
    end(&p);
    strcpy(header + LONG, "\": {\"dtype\": \"U8\", \"shape\": [1]}}");
    qn_buf bytes = st_file(header, NULL, 1);
    refused(bytes.data, bytes.n, QN_MALFORMED, "t: nnn");
    qn_buf_free(&bytes);
    free(header);
}

QN_TEST(read_safetensors_open) {
    char folder[256], path[512];
    qn_context *ctx = qn_test_context();
    qn_arena *arena = qn_arena_create();
    qn_safetensors file;
    st_folder("safetensors", folder);
    st_write_buf(folder, "good", st_names("a,b"));
    st_write(folder, "empty", "", 0);
    snprintf(path, sizeof path, "%s/good", folder);
    ASSERT_OK(ctx, qn_safetensors_open(ctx, arena, path, &file));
    assert_string_equal(file.path, path);
    assert_int_equal(file.n_tensors, 2);
    float two;
    memcpy(&two, file.tensors[1].data, sizeof two);
    assert_true(two == 2);
    qn_safetensors_close(&file);
    qn_safetensors_close(&file);
    snprintf(path, sizeof path, "%s/empty", folder);
    ASSERT_FAILS(ctx, QN_MALFORMED, "/safetensors/empty: 0 bytes are no safetensors file", qn_safetensors_open(ctx, arena, path, &file));
    qn_clear(ctx);
    snprintf(path, sizeof path, "%s/none", folder);
    ASSERT_FAILS(ctx, QN_SYSTEM, "/safetensors/none: cannot open", qn_safetensors_open(ctx, arena, path, &file));
    qn_clear(ctx);
    ASSERT_FAILS(ctx, QN_SYSTEM, "is a folder", qn_safetensors_open(ctx, arena, folder, &file));
    qn_arena_destroy(arena);
    qn_context_destroy(ctx);
}

/* The fuzzer begins with files that are read. */
QN_TEST(read_safetensors_seeds) {
    static const char *const names[] = {"two", "empty", "header"};
    qn_context *ctx = qn_test_context();
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char path[128], *data;
        size_t n;
        qn_arena *arena = qn_arena_create();
        qn_safetensors file;
        snprintf(path, sizeof path, "tests/data/fuzz/safetensors/%s", names[i]);
        ASSERT_OK(ctx, qn_read_file(ctx, path, 1 << 20, &data, &n));
        qn_buf made = data[0] == '{' ? st_fit(data, n) : (qn_buf)QN_BUF_INIT;
        ASSERT_OK(ctx, qn_safetensors_parse(ctx, arena, path, made.n ? made.data : data, made.n ? made.n : n, &file));
        qn_buf_free(&made);
        free(data);
        qn_arena_destroy(arena);
    }
    qn_context_destroy(ctx);
}
