/* Encoded constants through a package: as they were, refused when a field is wrong, and read by others the same. */
#include "tests/package/build.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>

#include "base/buf.h"
#include "ir/text.h"
#include "tests/kernels/encoded.h"
#include "tests/test.h"

typedef struct model {
    qn_graph *graph;
    qn_test_encoded **all;
    int n;
} model;

static void add(qn_context *ctx, model *m, const qn_const *fields, uint64_t seed, const char *name) {
    qn_value *v;
    qn_test_encoded *t = qn_test_encoded_make(fields, seed, true);
    t->c.name = "w";
    m->all[m->n++] = t;
    ASSERT_OK(ctx, qn_value_constant(ctx, m->graph, name, &t->c, &v));
    ASSERT_OK(ctx, qn_graph_add_output(ctx, m->graph, name, v));
}

/* Every `step`-th encoding. */
static model model_of(qn_context *ctx, int step) {
    static const int64_t dims[3] = {3, 5, 40};
    model m = {.all = calloc(QN_TEST_ENCODINGS, sizeof *m.all)};
    assert_non_null(m.all);
    ASSERT_OK(ctx, qn_graph_parse(ctx, "input %x: float32[4]\n%y = Abs(%x)\noutput %y\n", &m.graph));
    for (int i = 0; i < QN_TEST_ENCODINGS; i += step) {
        qn_const fields;
        char name[20];
        if (!qn_test_encoding(i, dims, &fields))
            continue;
        if (fields.encoding != QN_ENC_SPARSE && i % 3)
            fields.dtype = i % 3 == 1 ? QN_F16 : QN_BF16;
        snprintf(name, sizeof name, "w%d", i);
        add(ctx, &m, &fields, (uint64_t)i, name);
    }
    return m;
}
static void destroy(model *m) {
    qn_graph_destroy(m->graph);
    for (int i = 0; i < m->n; i++)
        qn_test_encoded_free(m->all[i]);
    free(m->all);
}

static const char *write_model(qn_context *ctx, const model *m) {
    static char path[200];
    snprintf(path, sizeof path, "%s/encodings.quern", qn_test_tmp());
    ASSERT_OK(ctx, qn_package_write(ctx, m->graph, &qn_test_provenance, qn_test_fill_parts, NULL, path, NULL));
    return path;
}

static void expect_equal(const qn_const *a, const qn_const *b) {
    const bool scales = a->scale_dtype != QN_NONE;
    assert_int_equal(a->encoding, b->encoding);
    assert_int_equal(a->dtype, b->dtype);
    assert_int_equal(a->code_dtype, b->code_dtype);
    assert_int_equal(a->scale_dtype, b->scale_dtype);
    assert_int_equal(a->super_dtype, b->super_dtype);
    assert_int_equal(a->super_block, b->super_block);
    assert_int_equal(a->symmetric, b->symmetric);
    assert_true(!scales || (a->axis == b->axis && a->block == b->block && a->block2 == b->block2));
    assert_true(a->block2 == 0 || a->axis2 == b->axis2);
    assert_int_equal(a->bits, b->bits);
    assert_int_equal(a->width, b->width);
    assert_int_equal(a->lut_dtype, b->lut_dtype);
    assert_int_equal(a->lut_axis, b->lut_axis);
    assert_int_equal(a->lut_group, b->lut_group);
    assert_int_equal(a->sparse, b->sparse);
    assert_int_equal(a->n_kept, b->n_kept);
    assert_int_equal(a->mask_block, b->mask_block);
    for (int part = 0; part < QN_MAX_PARTS; part++) {
        assert_int_equal(a->part[part].n, b->part[part].n);
        if (a->part[part].n)
            assert_memory_equal(a->part[part].data, b->part[part].data, a->part[part].n);
    }
}

QN_TEST(package_encodings_come_back) {
    qn_context *ctx = qn_test_context();
    model m = model_of(ctx, 7);
    for (int shipped = 0; shipped < 2; shipped++) {
        qn_graph *back;
        const char *path = write_model(ctx, &m);
        if (shipped)
            path = qn_test_ship(ctx, path);
        ASSERT_OK(ctx, qn_package_verify(ctx, path, NULL, NULL));
        ASSERT_OK(ctx, qn_package_read(ctx, path, true, NULL, &back));
        assert_true(m.n > 500);
        for (int i = 0; i < m.n; i++)
            expect_equal(&m.all[i]->c, back->outputs[1 + i].value->constant);
        qn_graph_destroy(back);
    }
    destroy(&m);
    qn_context_destroy(ctx);
}

QN_TEST(package_encodings_second_reader_agrees) {
    qn_context *ctx = qn_test_context();
    model m = model_of(ctx, 37);
    qn_graph *back;
    qn_provenance p;
    qn_buf theirs = QN_BUF_INIT;
    char command[400], piece[4096];
    const char *path = write_model(ctx, &m);
    ASSERT_OK(ctx, qn_package_read(ctx, path, true, &p, &back));
    snprintf(command, sizeof command, "python3 -B tests/package/read_quern.py %s 2>&1", path);
    FILE *pipe = popen(command, "r");
    assert_non_null(pipe);
    for (size_t n; (n = fread(piece, 1, sizeof piece, pipe)) > 0;)
        qn_buf_append(&theirs, piece, n);
    const int end = pclose(pipe), status = WIFEXITED(end) ? WEXITSTATUS(end) : -1;
    char *ours = qn_test_dump(ctx, back, &p);
    if (status == 127)
        print_message("           skipped: no python3\n");
    else {
        size_t line = 0, at = 0;
        while (ours[at] && theirs.n > at && ours[at] == theirs.data[at])
            line = ours[at++] == '\n' ? at : line;
        if (status != 0 || at != strlen(ours) || at != theirs.n)
            fail_msg("exit %d: '%.60s ...': ours '%.60s', theirs '%.60s'", status, ours + line, ours + at,
                     theirs.n > at ? theirs.data + at : "");
    }
    free(ours);
    qn_buf_free(&theirs);
    qn_graph_destroy(back);
    destroy(&m);
    qn_context_destroy(ctx);
}

/* ---- one wrong field each ------------------------------------------------------------------------------------- */

typedef Quern__Package P;

static Quern__Constant *const_of(P *m, const char *name) {
    for (size_t i = 0; i < m->n_values; i++)
        if (strcmp(m->values[i]->name, name) == 0)
            return m->constants[m->values[i]->constant - 1];
    fail_msg("no %s", name);
    return NULL;
}

#define CHANGE(NAME, ...) \
    static void NAME(P *m, void *arg) { (void)arg; __VA_ARGS__ }
CHANGE(code_dtype, const_of(m, "affine")->code_dtype = 77;)
CHANGE(scale_dtype, const_of(m, "affine")->scale_dtype = 300;)
CHANGE(super_dtype, const_of(m, "affine")->super_dtype = 78;)
CHANGE(lut_dtype, const_of(m, "palette")->lut_dtype = 79;)
CHANGE(affine_palette, const_of(m, "affine")->width = 1;)
CHANGE(affine_mask, const_of(m, "affine")->mask_block = 1;)
CHANGE(affine_axis2, const_of(m, "affine")->axis2 = 1;)
CHANGE(affine_block2, const_of(m, "affine")->block2 = 1;)
CHANGE(affine_float_zeros, const_of(m, "affine")->code_dtype = 17; const_of(m, "affine")->symmetric = 0;)
CHANGE(affine_two_levels, const_of(m, "affine")->scale_dtype = 2;)
CHANGE(affine_super, const_of(m, "affine")->super_dtype = 1;)
CHANGE(palette_codes, const_of(m, "palette")->code_dtype = 3;)
CHANGE(palette_symmetric, const_of(m, "palette")->symmetric = 1;)
CHANGE(palette_axis, const_of(m, "palette")->axis = 1;)
CHANGE(palette_bits, const_of(m, "palette")->bits = 4000000000u;)
CHANGE(palette_width, const_of(m, "palette")->width = 0;)
CHANGE(palette_width_3, const_of(m, "palette")->width = 3;)
CHANGE(palette_wide, const_of(m, "palette")->width = 4000000000u;)
CHANGE(palette_group, const_of(m, "palette")->lut_group = 2;)
CHANGE(palette_lut_axis, const_of(m, "palette")->lut_axis = 1;)
CHANGE(palette_far_axis, const_of(m, "palette")->lut_axis = UINT32_MAX; const_of(m, "palette")->lut_group = 1;)
CHANGE(palette_of_int, const_of(m, "palette")->dtype = 6;)
CHANGE(palette_smaller, const_of(m, "palette")->bits = 3;)
CHANGE(sparse_scales, const_of(m, "sparse")->scale_dtype = 1;)
CHANGE(sparse_no_mask, const_of(m, "sparse")->sparse = 0; const_of(m, "sparse")->kept = const_of(m, "sparse")->mask_block = 0;)
CHANGE(sparse_block, const_of(m, "sparse")->mask_block = 3;)
CHANGE(sparse_many, const_of(m, "sparse")->kept = INT64_MAX;)
CHANGE(sparse_negative, const_of(m, "sparse")->kept = -1;)
CHANGE(sparse_fewer, const_of(m, "sparse")->kept -= 1;)
CHANGE(sparse_dense, const_of(m, "sparse")->encoding = (Quern__Encoding)0;)

static const struct {
    const char *name;
    void (*change)(P *, void *);
    qn_status status;
    const char *text;
} g_rows[] = {
#define ROW(NAME, STATUS, TEXT) {#NAME, NAME, STATUS, TEXT}
    ROW(code_dtype, QN_UNSUPPORTED, "code dtype 77 is not known"),
    ROW(scale_dtype, QN_UNSUPPORTED, "scale dtype 300 is not known"),
    ROW(super_dtype, QN_UNSUPPORTED, "super scale dtype 78 is not known"),
    ROW(lut_dtype, QN_UNSUPPORTED, "table dtype 79 is not known"),
    ROW(affine_palette, QN_MALFORMED, "has parameters of a palette that it has not"),
    ROW(affine_mask, QN_MALFORMED, "has parameters of a mask that it has not"),
    ROW(affine_axis2, QN_MALFORMED, "has an axis without a size"),
    ROW(affine_block2, QN_MALFORMED, "has an axis without a size"),
    ROW(affine_float_zeros, QN_MALFORMED, "has zero points of floating point codes"),
    ROW(affine_two_levels, QN_MALFORMED, "has scales of scales that are not floating point"),
    ROW(affine_super, QN_MALFORMED, "has scales of scales that have no codes"),
    ROW(palette_codes, QN_MALFORMED, "has parameters of codes that it has not"),
    ROW(palette_symmetric, QN_MALFORMED, "has parameters of codes that it has not"),
    ROW(palette_axis, QN_MALFORMED, "has parameters of scales that it has not"),
    ROW(palette_bits, QN_MALFORMED, "has indices that are not 1 to 8 bits wide"),
    ROW(palette_width, QN_MALFORMED, "has vectors that are not 1, 2 or 4 wide"),
    ROW(palette_width_3, QN_MALFORMED, "has vectors that are not 1, 2 or 4 wide"),
    ROW(palette_wide, QN_MALFORMED, "has vectors that are not 1, 2 or 4 wide"),
    ROW(palette_group, QN_MALFORMED, "has an axis without a size"),
    ROW(palette_lut_axis, QN_MALFORMED, "has an axis without a size"),
    ROW(palette_far_axis, QN_MALFORMED, "has tables along an axis that it has not"),
    ROW(palette_of_int, QN_MALFORMED, "has codes for elements that are not floating point"),
    ROW(palette_smaller, QN_MALFORMED, "bytes, entry 'weights/"),
    ROW(sparse_scales, QN_MALFORMED, "has parameters of scales that it has not"),
    ROW(sparse_no_mask, QN_MALFORMED, "has no mask"),
    ROW(sparse_block, QN_MALFORMED, "has a mask whose blocks are no power of two up to 512"),
    ROW(sparse_many, QN_MALFORMED, "has a number of kept elements that cannot be"),
    ROW(sparse_negative, QN_MALFORMED, "has a number of kept elements that cannot be"),
    ROW(sparse_fewer, QN_MALFORMED, "its mask does not keep the elements that it says"),
    ROW(sparse_dense, QN_MALFORMED, "has a mask over dense elements"),
};

static qn_status read_back(qn_context *ctx, qn_test_bytes b) {
    qn_graph *graph;
    const qn_status status = qn_package_read_bytes(ctx, "test.quern", b.data, b.n, true, NULL, &graph);
    if (status == QN_OK)
        qn_graph_destroy(graph);
    return status;
}

static model three(qn_context *ctx) {
    const qn_const affine = {.dtype = QN_F32, .rank = 2, .dims = {15, 40}, .encoding = QN_ENC_AFFINE, .code_dtype = QN_I8,
                             .scale_dtype = QN_F32, .symmetric = true, .axis = -1, .lut_axis = -1},
                   palette = {.dtype = QN_F32, .rank = 2, .dims = {15, 40}, .encoding = QN_ENC_PALETTE, .bits = 4, .width = 1,
                              .lut_dtype = QN_F16, .axis = -1, .lut_axis = -1},
                   sparse = {.dtype = QN_F32, .rank = 2, .dims = {15, 40}, .encoding = QN_ENC_SPARSE, .sparse = true,
                             .mask_block = 1, .axis = -1, .lut_axis = -1};
    model m = {.all = calloc(3, sizeof *m.all)};
    assert_non_null(m.all);
    ASSERT_OK(ctx, qn_graph_parse(ctx, "input %x: float32[4]\n%y = Abs(%x)\noutput %y\n", &m.graph));
    add(ctx, &m, &affine, 1, "affine");
    add(ctx, &m, &palette, 2, "palette");
    uint64_t seed = 1; /* of a mask that keeps some */
    for (add(ctx, &m, &sparse, seed, "sparse"); m.all[2]->c.n_kept < 10 || m.all[2]->c.n_kept > 590;) {
        qn_test_encoded *t = qn_test_encoded_make(&sparse, ++seed, true), old = *m.all[2];
        t->c.name = "w";
        *m.all[2] = *t;
        *t = old;
        qn_test_encoded_free(t);
    }
    return m;
}

QN_TEST(package_encodings_refusals) {
    qn_context *ctx = qn_test_context();
    model m = three(ctx);
    qn_test_bytes good = qn_test_read_bytes(write_model(ctx, &m));
    ASSERT_OK(ctx, read_back(ctx, good));
    for (size_t i = 0; i < sizeof g_rows / sizeof g_rows[0]; i++) {
        qn_test_bytes bad = qn_test_change(ctx, good, g_rows[i].change, NULL, NULL);
        const qn_status status = read_back(ctx, bad);
        const char *message = qn_context_message(ctx);
        if (status != g_rows[i].status || !strstr(message, g_rows[i].text) || !strstr(message, "constant 'w'"))
            fail_msg("%s: status %d, message '%s', wanted %d, '%s'", g_rows[i].name, (int)status, message,
                     (int)g_rows[i].status, g_rows[i].text);
        qn_clear(ctx);
        free(bad.data);
    }
    free(good.data);
    destroy(&m);
    qn_context_destroy(ctx);
}

/* A bit more or a start that is too large: elements would be read that are not there. */
QN_TEST(package_encodings_refuse_a_mask_that_disagrees) {
    qn_context *ctx = qn_test_context();
    for (int kind = 0; kind < 2; kind++) {
        model m = three(ctx);
        uint8_t *at = m.all[2]->bytes[kind ? QN_PART_STARTS : QN_PART_MASK];
        *at ^= 1;
        qn_test_bytes bad = qn_test_read_bytes(write_model(ctx, &m));
        ASSERT_FAILS(ctx, QN_MALFORMED, "constant 'w': its mask does not keep the elements that it says", read_back(ctx, bad));
        qn_clear(ctx);
        free(bad.data);
        destroy(&m);
    }
    qn_context_destroy(ctx);
}
