/* Every refusal of the reader: a good package whose model.pb says one wrong thing. */
#include "tests/package/build.h"

#include <stdlib.h>

#include "tests/test.h"

typedef Quern__Package P;

/* ---- where things are in the graph of qn_test_rich_graph ---------------------------------------------- */

static Quern__Node *node_of(P *m, const char *op) {
    for (size_t i = 0; i < m->graph->n_nodes; i++)
        if (strcmp(m->graph->nodes[i]->op, op) == 0)
            return m->graph->nodes[i];
    fail_msg("no %s", op);
    return NULL;
}

static Quern__Attribute *attr_of(P *m, const char *op, const char *name) {
    Quern__Node *n = node_of(m, op);
    for (size_t i = 0; i < n->n_attributes; i++)
        if (strcmp(n->attributes[i]->name, name) == 0)
            return n->attributes[i];
    fail_msg("no %s", name);
    return NULL;
}

static uint32_t value_ref(P *m, const char *name) {
    for (size_t i = 0; i < m->n_values; i++)
        if (strcmp(m->values[i]->name, name) == 0)
            return (uint32_t)i + 1;
    fail_msg("no %s", name);
    return 0;
}
static Quern__Value *value_of(P *m, const char *name) { return m->values[value_ref(m, name) - 1]; }
static Quern__Constant *const_of(P *m, const char *name) { return m->constants[value_of(m, name)->constant - 1]; }

/* ---- one wrong thing each ------------------------------------------------------------------------------- */

static char g_empty[1] = "";
static char g_x[] = "x", g_long[5000], g_question[] = "nowhere*2", g_minus[] = "-3";
static char *g_dims9[9] = {g_x, g_x, g_x, g_x, g_x, g_x, g_x, g_x, g_x};
static int64_t g_huge[3] = {INT64_MAX, 3, 5}, g_negative[2] = {-1, 4}, g_wide[9], g_list[3] = {1, 5, 5};
static uint8_t g_bytes[200];

#define CHANGE(NAME, ...) \
    static void NAME(P *m, void *arg) { (void)arg; __VA_ARGS__ }

CHANGE(nothing, (void)m;)
CHANGE(version, m->format_version = 2;)
CHANGE(no_version, m->format_version = 0;)
CHANGE(no_graph, m->graph = NULL;)
CHANGE(op, static char name[] = "Convolve"; node_of(m, "MatMul")->op = name;)
CHANGE(attr_name, static char name[] = "permutation"; attr_of(m, "Transpose", "perm")->name = name;)
CHANGE(attr_twice, node_of(m, "Linear")->attributes[1] = node_of(m, "Linear")->attributes[0];)
CHANGE(attr_kind, attr_of(m, "Transpose", "perm")->kind = 'x';)
CHANGE(attr_other_kind, attr_of(m, "Transpose", "perm")->kind = 'F';)
CHANGE(attr_no_scalar, attr_of(m, "Linear", "activation_max")->n_floats = 0;)
CHANGE(attr_two_kinds, Quern__Attribute *a = attr_of(m, "Linear", "activation_max"); a->ints = g_huge; a->n_ints = 1;)
CHANGE(attr_no_tensor, attr_of(m, "ConstantOfShape", "value")->tensor = 99;)
CHANGE(attr_no_branch, attr_of(m, "If", "then_branch")->graph = NULL;)
CHANGE(input_range, node_of(m, "MatMul")->inputs[0] = 1000;)
CHANGE(output_range, node_of(m, "MatMul")->outputs[0] = 1000;)
CHANGE(use_early, node_of(m, "MatMul")->inputs[0] = value_ref(m, "d");)
CHANGE(use_self, node_of(m, "MatMul")->inputs[0] = value_ref(m, "a");)
CHANGE(use_branch, m->graph->outputs[0]->value = value_ref(m, "t");)
CHANGE(define_twice, node_of(m, "Linear")->outputs[0] = value_ref(m, "a");)
CHANGE(define_input, node_of(m, "Linear")->outputs[0] = value_ref(m, "x");)
CHANGE(define_constant, node_of(m, "Linear")->outputs[0] = value_ref(m, "w");)
CHANGE(define_nowhere, m->graph->n_nodes--; m->graph->outputs[5]->value = value_ref(m, "h");)
CHANGE(name_twice, value_of(m, "a")->name = g_x;)
CHANGE(name_empty, value_of(m, "a")->name = g_empty;)
CHANGE(constant_typed, value_of(m, "w")->dtype = 1;)
CHANGE(constant_range, value_of(m, "w")->constant = 77;)
CHANGE(value_dtype, value_of(m, "a")->dtype = 8;)
CHANGE(value_rank, value_of(m, "a")->unranked = 0; value_of(m, "a")->dims = g_dims9; value_of(m, "a")->n_dims = 9;)
CHANGE(value_unranked, value_of(m, "x")->unranked = 1;)
CHANGE(dim_negative, value_of(m, "i")->dims[0] = g_minus;)
CHANGE(dim_empty, value_of(m, "i")->dims[0] = g_empty;)
CHANGE(dim_long, memset(g_long, 'a', sizeof g_long - 1); value_of(m, "i")->dims[0] = g_long;)
CHANGE(dim_undeclared, value_of(m, "i")->dims[0] = g_question;)
CHANGE(symbol_gone, m->n_symbols = 0;)
CHANGE(symbol_twice, static Quern__Symbol *two[2]; two[0] = two[1] = m->symbols[0]; m->symbols = two; m->n_symbols = 2;)
CHANGE(symbol_empty, m->symbols[0]->name = g_empty;)
CHANGE(symbol_range, m->symbols[0]->max = 0;)
CHANGE(symbol_multiple, m->symbols[0]->multiple = 0;)
CHANGE(symbol_negative, m->symbols[0]->min = -1;)
CHANGE(symbol_list, m->symbols[0]->list = g_list; m->symbols[0]->n_list = 3; m->symbols[0]->min = 1; m->symbols[0]->max = 5;)
CHANGE(symbol_list_ends, m->symbols[0]->list = g_list; m->symbols[0]->n_list = 2; m->symbols[0]->min = 0;)
CHANGE(const_dtype, const_of(m, "w")->dtype = 99;)
CHANGE(const_no_dtype, const_of(m, "w")->dtype = 0;)
CHANGE(const_negative, const_of(m, "w")->dims = g_negative;)
CHANGE(const_huge, const_of(m, "w")->dims = g_huge; const_of(m, "w")->n_dims = 3;)
CHANGE(const_rank, const_of(m, "w")->dims = g_wide; const_of(m, "w")->n_dims = 9;)
CHANGE(const_encoding, const_of(m, "w")->encoding = (Quern__Encoding)2;)
CHANGE(const_encoding_7, const_of(m, "w")->encoding = (Quern__Encoding)7;)
CHANGE(const_dense_axis, const_of(m, "w")->axis = 1;)
CHANGE(const_bits, const_of(m, "w")->bits = 4;)
CHANGE(affine_axis, const_of(m, "w8")->axis = 3;)
CHANGE(affine_block, const_of(m, "w8")->block = -1;)
CHANGE(affine_block_no_axis, const_of(m, "w8")->block = 8; const_of(m, "w8")->axis = 0;)
CHANGE(affine_codes, const_of(m, "w8")->code_dtype = 7;)
CHANGE(affine_wide_codes, const_of(m, "w8")->code_dtype = 22;)
CHANGE(affine_narrow_codes, const_of(m, "w4")->code_dtype = 3;)
CHANGE(affine_huge_block, const_of(m, "w4")->block = INT64_MAX;)
CHANGE(affine_small_block, const_of(m, "w4")->block = 1;)
CHANGE(affine_scales, const_of(m, "w8")->scale_dtype = 11;)
CHANGE(affine_of_int, const_of(m, "w8")->dtype = 7;)
CHANGE(affine_zero_points, const_of(m, "w8")->symmetric = 0;)
CHANGE(entry_missing, static char name[] = "weights/none"; const_of(m, "w")->entry = name;)
CHANGE(entry_model, static char name[] = "model.pb"; const_of(m, "w")->entry = name;)
CHANGE(entry_shared, const_of(m, "w8")->entry = const_of(m, "w")->entry;)
CHANGE(entry_and_inline, const_of(m, "w")->inline_ = (ProtobufCBinaryData){4, g_bytes};)
CHANGE(entry_size, const_of(m, "w")->dims[0] = 65;)
CHANGE(no_entry, const_of(m, "w")->entry = g_empty;)
CHANGE(inline_size, const_of(m, "half")->inline_ = (ProtobufCBinaryData){5, g_bytes};)
CHANGE(inline_large, const_of(m, "b")->entry = g_empty; const_of(m, "b")->inline_ = (ProtobufCBinaryData){128, g_bytes};)
CHANGE(const_unused, static Quern__Constant c; static Quern__Constant *all[64]; quern__constant__init(&c); c.dtype = 1;
       c.inline_ = (ProtobufCBinaryData){4, g_bytes};
       memcpy(all, m->constants, m->n_constants * sizeof *all); all[m->n_constants++] = &c; m->constants = all;)
CHANGE(compute, node_of(m, "Linear")->compute = 7;)
CHANGE(compute_bf16, node_of(m, "Linear")->compute = 16;)
CHANGE(port_empty, m->graph->outputs[0]->value = 0;)
CHANGE(input_port_empty, m->graph->inputs[0]->value = 0;)
CHANGE(arity, node_of(m, "MatMul")->n_inputs = 1;)

static const struct {
    const char *name;
    void (*change)(P *, void *);
    qn_status status;
    const char *text;
} g_rows[] = {
#define ROW(NAME, STATUS, TEXT) {#NAME, NAME, STATUS, TEXT}
    ROW(version, QN_UNSUPPORTED, "format version 2: this program reads version 1"),
    ROW(no_version, QN_UNSUPPORTED, "format version 0"),
    ROW(no_graph, QN_MALFORMED, "model.pb has no graph"),
    ROW(op, QN_UNSUPPORTED, "op 'Convolve'"),
    ROW(attr_name, QN_UNSUPPORTED, "attribute 'permutation' is not known"),
    ROW(attr_twice, QN_MALFORMED, "twice"),
    ROW(attr_kind, QN_UNSUPPORTED, "attribute 'perm' is of an unknown kind 120"),
    ROW(attr_other_kind, QN_MALFORMED, "values of two kinds"),
    ROW(attr_no_scalar, QN_MALFORMED, "attribute 'activation_max' has no value of its kind 'f'"),
    ROW(attr_two_kinds, QN_MALFORMED, "values of two kinds"),
    ROW(attr_no_tensor, QN_MALFORMED, "no value of its kind 't'"),
    ROW(attr_no_branch, QN_MALFORMED, "no value of its kind 'g'"),
    ROW(input_range, QN_MALFORMED, "there is no value 1000"),
    ROW(output_range, QN_MALFORMED, "there is no value 1000"),
    ROW(use_early, QN_MALFORMED, "uses 'd' before it is defined"),
    ROW(use_self, QN_MALFORMED, "uses 'a' before it is defined"),
    ROW(use_branch, QN_MALFORMED, "uses 't' of a graph that it is not in"),
    ROW(define_twice, QN_MALFORMED, "defines 'a', which is defined already"),
    ROW(define_input, QN_MALFORMED, "defines 'x', which is defined already"),
    ROW(define_constant, QN_MALFORMED, "defines 'w', which is defined already"),
    ROW(define_nowhere, QN_MALFORMED, "value 'j' is defined nowhere"),
    ROW(name_twice, QN_MALFORMED, "two values are called 'x'"),
    ROW(name_empty, QN_MALFORMED, "has no name"),
    ROW(constant_typed, QN_MALFORMED, "value 'w' has a constant and a type"),
    ROW(constant_range, QN_MALFORMED, "there is no constant 77"),
    ROW(value_dtype, QN_UNSUPPORTED, "value 'a': dtype 8 is not known"),
    ROW(value_rank, QN_UNSUPPORTED, "value 'a' has 9 dimensions"),
    ROW(value_unranked, QN_MALFORMED, "value 'x' has dimensions and none"),
    ROW(dim_negative, QN_MALFORMED, "dimension 0 is '-3'"),
    ROW(dim_empty, QN_MALFORMED, "the text of dimension 0 has 0 bytes"),
    ROW(dim_long, QN_MALFORMED, "the text of dimension 0 has 4999 bytes"),
    ROW(dim_undeclared, QN_MALFORMED, "'nowhere*2' uses a name that is not declared"),
    ROW(symbol_gone, QN_MALFORMED, "uses a name that is not declared"),
    ROW(symbol_twice, QN_MALFORMED, "dimension 'batch' is declared twice"),
    ROW(symbol_empty, QN_MALFORMED, "a dimension's name has 0 bytes"),
    ROW(symbol_range, QN_MALFORMED, "dimension 'batch' has no valid range"),
    ROW(symbol_multiple, QN_MALFORMED, "has no valid range"),
    ROW(symbol_negative, QN_MALFORMED, "has no valid range"),
    ROW(symbol_list, QN_MALFORMED, "has no valid range"),
    ROW(symbol_list_ends, QN_MALFORMED, "has no valid range"),
    ROW(const_dtype, QN_UNSUPPORTED, "dtype 99 is not known"),
    ROW(const_no_dtype, QN_UNSUPPORTED, "dtype 0 is not known"),
    ROW(const_negative, QN_MALFORMED, "dimension 0 is -1"),
    ROW(const_huge, QN_MALFORMED, "multiply to more than 2^63"),
    ROW(const_rank, QN_UNSUPPORTED, "has 9 dimensions"),
    ROW(const_encoding, QN_MALFORMED, "constant 'w' has vectors that are not 1, 2 or 4 wide"),
    ROW(const_encoding_7, QN_UNSUPPORTED, "encoding 7"),
    ROW(const_dense_axis, QN_MALFORMED, "'w' has parameters of scales that it has not"),
    ROW(const_bits, QN_MALFORMED, "has parameters of a palette that it has not"),
    ROW(affine_axis, QN_MALFORMED, "has an axis that it has not"),
    ROW(affine_block, QN_MALFORMED, "has a negative block"),
    ROW(affine_block_no_axis, QN_MALFORMED, "has blocks along no axis"),
    ROW(affine_codes, QN_MALFORMED, "has codes of a type that none have"),
    ROW(affine_wide_codes, QN_MALFORMED, "bytes, entry 'weights/"),
    ROW(affine_narrow_codes, QN_MALFORMED, "bytes, entry 'weights/"),
    ROW(affine_huge_block, QN_MALFORMED, "bytes, entry 'weights/"),
    ROW(affine_small_block, QN_MALFORMED, "bytes, entry 'weights/"),
    ROW(affine_scales, QN_MALFORMED, "has scales of a type that none have"),
    ROW(affine_of_int, QN_MALFORMED, "has codes for elements that are not floating point"),
    ROW(affine_zero_points, QN_MALFORMED, "bytes, entry 'weights/"),
    ROW(entry_missing, QN_MALFORMED, "the archive has no entry 'weights/none'"),
    ROW(entry_model, QN_MALFORMED, "the archive has no entry 'model.pb'"),
    ROW(entry_shared, QN_MALFORMED, "belongs to another constant"),
    ROW(entry_and_inline, QN_MALFORMED, "has an entry and inline bytes"),
    ROW(entry_size, QN_MALFORMED, "takes 12480 bytes, entry 'weights/"),
    ROW(no_entry, QN_MALFORMED, "of 12288 bytes has no entry"),
    ROW(inline_size, QN_MALFORMED, "takes 4 bytes, 5 are there"),
    ROW(inline_large, QN_MALFORMED, "of 128 bytes has no entry"),
    ROW(const_unused, QN_MALFORMED, "is used nowhere"),
    ROW(compute, QN_UNSUPPORTED, "computes in dtype 7"),
    ROW(compute_bf16, QN_UNSUPPORTED, "computes in dtype 16"),
    ROW(port_empty, QN_MALFORMED, "output 'result' has no value"),
    ROW(input_port_empty, QN_MALFORMED, "input 'x' has no value"),
    ROW(arity, QN_MALFORMED, "MatMul"),
};

static qn_status read_back(qn_context *ctx, qn_test_bytes b, bool crc) {
    qn_graph *graph;
    qn_status status = qn_package_read_bytes(ctx, "test.quern", b.data, b.n, crc, NULL, &graph);
    if (status == QN_OK)
        qn_graph_destroy(graph);
    else
        assert_null(graph);
    return status;
}

static qn_test_bytes good_package(qn_context *ctx) {
    qn_graph *graph = qn_test_rich_graph(ctx);
    qn_test_bytes b = qn_test_read_bytes(qn_test_write_package(ctx, graph));
    qn_graph_destroy(graph);
    return b;
}

QN_TEST(package_read_refusals) {
    qn_context *ctx = qn_test_context();
    qn_test_bytes good = good_package(ctx);
    qn_test_bytes same = qn_test_change(ctx, good, nothing, NULL, NULL);
    assert_int_equal(same.n, good.n);
    assert_memory_equal(same.data, good.data, good.n);
    ASSERT_OK(ctx, read_back(ctx, same, true));
    free(same.data);
    for (size_t i = 0; i < sizeof g_rows / sizeof g_rows[0]; i++) {
        qn_test_bytes bad = qn_test_change(ctx, good, g_rows[i].change, NULL, NULL);
        qn_status status = read_back(ctx, bad, true);
        const char *message = qn_context_message(ctx);
        if (status != g_rows[i].status || !strstr(message, g_rows[i].text) || strncmp(message, "test.quern: ", 12) != 0)
            fail_msg("%s: status %d, message '%s', wanted %d, '%s'", g_rows[i].name, (int)status, message,
                     (int)g_rows[i].status, g_rows[i].text);
        qn_clear(ctx);
        free(bad.data);
    }
    free(good.data);
    qn_context_destroy(ctx);
}

static void first_weight(P *m, void *arg) {
    for (size_t i = 0; i < m->n_constants && !*(char **)arg; i++)
        if (m->constants[i]->entry[0])
            *(char **)arg = strdup(m->constants[i]->entry);
}

QN_TEST(package_read_entries) {
    qn_context *ctx = qn_test_context();
    qn_test_bytes good = good_package(ctx);
    char *name = NULL;
    free(qn_test_change(ctx, good, first_weight, &name, NULL).data);
    qn_test_bytes bad = qn_test_change(ctx, good, NULL, NULL, name);
    ASSERT_FAILS(ctx, QN_MALFORMED, "the archive has no entry", read_back(ctx, bad, false));
    qn_clear(ctx);
    free(bad.data);

    /* model.pb last, or missing; an entry of nobody's */
    uint8_t *data[2] = {g_bytes, g_bytes};
    qn_zip_entry weight[2] = {{.name = "weights/0", .n_bytes = 8}, {.name = "model.pb", .n_bytes = 0}};
    bad = qn_test_archive(weight, data, 2);
    ASSERT_FAILS(ctx, QN_MALFORMED, "the first entry is not 'model.pb'", read_back(ctx, bad, false));
    qn_clear(ctx);
    free(bad.data);
    bad = qn_test_archive(weight, data, 0);
    ASSERT_FAILS(ctx, QN_MALFORMED, "the first entry is not 'model.pb'", read_back(ctx, bad, false));
    qn_clear(ctx);
    free(bad.data);
    uint8_t model[] = {0x08, 0x01, 0x12, 0x00};
    uint8_t *with_model[2] = {model, g_bytes};
    qn_zip_entry extra[2] = {{.name = "model.pb", .n_bytes = 4}, {.name = "notes", .n_bytes = 8}};
    bad = qn_test_archive(extra, with_model, 2);
    ASSERT_FAILS(ctx, QN_MALFORMED, "entry 'notes' belongs to no constant", read_back(ctx, bad, false));
    qn_clear(ctx);
    free(bad.data);

    /* CRCs: that of model.pb always, those of weights when asked for */
    uint64_t at = 0;
    qn_arena *arena = qn_arena_create();
    qn_zip_entry *entries;
    int64_t n;
    ASSERT_OK(ctx, qn_zip_read(ctx, arena, good.data, good.n, &entries, &n));
    at = entries[1].data;
    good.data[at] ^= 1;
    ASSERT_OK(ctx, read_back(ctx, good, false));
    ASSERT_FAILS(ctx, QN_MALFORMED, "CRC", read_back(ctx, good, true));
    qn_clear(ctx);
    good.data[at] ^= 1;
    good.data[entries[0].data + 20] ^= 1;
    ASSERT_FAILS(ctx, QN_MALFORMED, "entry 'model.pb' has CRC", read_back(ctx, good, false));
    qn_arena_destroy(arena);
    free(name);
    free(good.data);
    qn_context_destroy(ctx);
}

QN_TEST(package_read_cut_short) {
    qn_context *ctx = qn_test_context();
    qn_test_bytes good = good_package(ctx);
    for (size_t n = 0; n < good.n; n += n < 200 || n + 200 > good.n ? 1 : 97) {
        qn_test_bytes cut = {malloc(n ? n : 1), n};
        memcpy(cut.data, good.data, n);
        assert_int_equal(read_back(ctx, cut, true), QN_MALFORMED);
        qn_clear(ctx);
        free(cut.data);
    }
    free(good.data);
    qn_context_destroy(ctx);
}

QN_TEST(package_read_no_file) {
    qn_context *ctx = qn_test_context();
    qn_graph *graph;
    ASSERT_FAILS(ctx, QN_SYSTEM, "no/such/file.quern", qn_package_read(ctx, "no/such/file.quern", false, NULL, &graph));
    qn_clear(ctx);
    ASSERT_FAILS(ctx, QN_SYSTEM, "folder", qn_package_read(ctx, "tests", false, NULL, &graph));
    qn_context_destroy(ctx);
}
