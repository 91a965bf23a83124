/* How constants are filled: narrowed, clamped, quantised, always in the bytes that their expression defines. */
#include "tests/test.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/half.h"
#include "ir/text.h"
#include "kernels/eval.h"
#include "quant/encode.h"

typedef struct sink {
    uint8_t data[1 << 22];
    size_t n[QN_MAX_PARTS], total;
    int part;
} sink;

static qn_status write_part(void *arg, int part, const void *data, size_t n) {
    sink *s = arg;
    assert_true(part >= s->part && part < QN_MAX_PARTS && n <= sizeof s->data - s->total);
    s->part = part;
    memcpy(s->data + s->total, data, n);
    s->n[part] += n;
    s->total += n;
    return QN_OK;
}

typedef struct fixture {
    qn_context *ctx;
    qn_graph *graph;
    qn_arena *arena;
    sink *out;
    char log[400];
    int n_logs;
} fixture;

static void keep_line(void *user, qn_log_level level, const char *line) {
    fixture *f = user;
    if (level == QN_LOG_WARN)
        f->n_logs++;
    snprintf(f->log, sizeof f->log, "%s", line);
}

static void setup(fixture *f, const char *text) {
    qn_context_options options = {.threads = 1, .user = f, .log = keep_line};
    memset(f, 0, sizeof *f);
    assert_int_equal(qn_context_create(&options, &f->ctx), QN_OK);
    f->arena = qn_arena_create();
    f->out = calloc(1, sizeof *f->out);
    ASSERT_OK(f->ctx, qn_graph_parse(f->ctx, text, &f->graph));
}

static void teardown(fixture *f) {
    free(f->out);
    qn_graph_destroy(f->graph);
    qn_arena_destroy(f->arena);
    qn_context_destroy(f->ctx);
}

/* A constant expression: op of the constants named, with the attributes that `node` has. */
static qn_const *expression(fixture *f, qn_op op, const char *const *names, int n, qn_dtype dtype, const int64_t *dims,
                            int32_t rank, qn_node **node) {
    qn_value *in[4];
    qn_const *c = qn_arena_alloc(f->graph->arena, sizeof *c);
    for (int i = 0; i < n; i++)
        in[i] = qn_graph_find(f->graph, names[i]);
    ASSERT_OK(f->ctx, qn_node_create(f->ctx, f->graph, NULL, op, "expr", in, n, 1, node));
    qn_node_detach(*node);
    *c = (qn_const){.dtype = dtype, .rank = rank, .axis = -1, .expr = *node, .name = "the weight"};
    memcpy(c->dims, dims, (size_t)rank * sizeof *dims);
    return c;
}

static qn_status fill(fixture *f, const qn_const *c) {
    memset(f->out, 0, sizeof *f->out);
    qn_arena_reset(f->arena);
    return qn_fill_const(NULL, f->ctx, f->arena, c, write_part, f->out);
}

static const char g_plain[] = "input %x: float32[1]\nconst %w: float32[600,700] = random(4)\n"
                              "const %v: float32[600,700] = random(5)\n"
                              "const %m: float32[6] = {1, -100000, 65504, 65519, 3e38, -2}\n%y = Relu(%x)\noutput %y\n";

QN_TEST(quant_fill_plain) {
    fixture f;
    setup(&f, g_plain);
    const qn_const *w = qn_graph_find(f.graph, "w")->constant;
    ASSERT_OK(f.ctx, fill(&f, w));
    assert_int_equal(f.out->total, 600 * 700 * 4);
    assert_memory_equal(f.out->data, w->part[0].data, f.out->total);
    qn_const gone = *w;
    gone.name = "gone";
    gone.part[0].data = NULL;
    ASSERT_FAILS(f.ctx, QN_USAGE, "constant 'gone' has no bytes", fill(&f, &gone));
    teardown(&f);
}

/* 420,000 elements: more than a piece. */
QN_TEST(quant_fill_narrow) {
    fixture f;
    setup(&f, g_plain);
    const int64_t dims[2] = {600, 700};
    const qn_const *w = qn_graph_find(f.graph, "w")->constant;
    const float *x = w->part[0].data;
    qn_dtype to[2] = {QN_F16, QN_BF16};
    for (int k = 0; k < 2; k++)
        for (int clamp = 0; clamp < 2; clamp++) {
            qn_node *cast;
            qn_const *c = expression(&f, QN_OP_Cast, (const char *[]){"w"}, 1, to[k], dims, 2, &cast);
            ASSERT_OK(f.ctx, qn_node_set_int(f.ctx, cast, "to", to[k]));
            ASSERT_OK(f.ctx, qn_node_set_int(f.ctx, cast, "clamp", clamp));
            ASSERT_OK(f.ctx, fill(&f, c));
            assert_int_equal(f.out->total, 600 * 700 * 2);
            const uint16_t *h = (const uint16_t *)(const void *)f.out->data;
            for (int64_t i = 0; i < 600 * 700; i++)
                assert_int_equal(h[i], k ? qn_f32_to_bf16(x[i]) : qn_f32_to_f16(x[i]));
        }
    assert_int_equal(f.n_logs, 0);
    teardown(&f);
}

QN_TEST(quant_fill_clamps_and_says_so) {
    fixture f;
    setup(&f, g_plain);
    const int64_t dims[1] = {6};
    qn_node *cast;
    qn_const *c = expression(&f, QN_OP_Cast, (const char *[]){"m"}, 1, QN_F16, dims, 1, &cast);
    float *m = (float *)(uintptr_t)qn_graph_find(f.graph, "m")->constant->part[0].data;
    ASSERT_OK(f.ctx, qn_node_set_int(f.ctx, cast, "to", QN_F16));
    ASSERT_OK(f.ctx, qn_node_set_int(f.ctx, cast, "clamp", 1));
    const uint16_t want[6] = {0x3c00, 0xfbff, 0x7bff, 0x7bff, 0x7bff, 0xc000};
    ASSERT_OK(f.ctx, fill(&f, c));
    assert_memory_equal(f.out->data, want, sizeof want);
    assert_int_equal(f.n_logs, 1);
    assert_non_null(strstr(f.log, "constant 'the weight': 2 of 6 elements clamped to the range of float16"));
    /* infinities and NaN are what they say */
    m[0] = INFINITY, m[1] = -INFINITY, m[2] = NAN;
    ASSERT_OK(f.ctx, fill(&f, c));
    const uint16_t *h = (const uint16_t *)(const void *)f.out->data;
    assert_int_equal(h[0], 0x7c00);
    assert_int_equal(h[1], 0xfc00);
    assert_true(isnan(qn_f16_to_f32(h[2])));
    assert_int_equal(h[4], 0x7bff);
    /* the largest float is no bfloat16 */
    qn_node *wide;
    qn_const *b = expression(&f, QN_OP_Cast, (const char *[]){"m"}, 1, QN_BF16, dims, 1, &wide);
    ASSERT_OK(f.ctx, qn_node_set_int(f.ctx, wide, "to", QN_BF16));
    ASSERT_OK(f.ctx, qn_node_set_int(f.ctx, wide, "clamp", 1));
    m[4] = -3.4028235e38f;
    ASSERT_OK(f.ctx, fill(&f, b));
    assert_int_equal(h[4], 0xff7f);
    assert_int_equal(h[1], 0xff80);
    /* the same numbers as evaluation gives */
    qn_tensor t;
    ASSERT_OK(f.ctx, qn_const_eval(f.ctx, f.arena, b, &t));
    assert_memory_equal(t.data, f.out->data, f.out->total);
    ASSERT_OK(f.ctx, fill(&f, c));
    ASSERT_OK(f.ctx, qn_const_eval(f.ctx, f.arena, c, &t));
    assert_memory_equal(t.data, f.out->data, f.out->total);
    teardown(&f);
}

static void as_int8(qn_const *c, int32_t axis) {
    c->encoding = QN_ENC_AFFINE;
    c->code_dtype = QN_I8;
    c->scale_dtype = QN_F32;
    c->symmetric = true;
    c->axis = axis;
}

/* Codes and scales of dense values, by quant_int8's own test right. */
static void check_codes(fixture *f, const qn_const *c, const float *x) {
    qn_groups g = qn_const_groups(c);
    int64_t n = qn_const_numel(c), bad;
    int8_t *codes = malloc((size_t)n);
    float *scales = malloc((size_t)g.n_groups * sizeof *scales);
    assert_true(qn_int8_quantise(g, x, n, codes, scales, &bad));
    assert_int_equal(f->out->n[QN_PART_CODES], n);
    assert_int_equal(f->out->n[QN_PART_SCALES], (size_t)g.n_groups * sizeof *scales);
    assert_memory_equal(f->out->data, codes, (size_t)n);
    assert_memory_equal(f->out->data + n, scales, (size_t)g.n_groups * sizeof *scales);
    free(codes);
    free(scales);
}

QN_TEST(quant_fill_int8) {
    fixture f;
    setup(&f, g_plain);
    const int64_t dims[2] = {600, 700}, turned[2] = {700, 600};
    qn_tensor t;
    qn_node *node;
    for (int32_t axis = -1; axis < 2; axis++) {
        /* as it is; after a transpose; of what a cast to float16 leaves */
        qn_const *c = expression(&f, QN_OP_Identity, (const char *[]){"w"}, 1, QN_F32, dims, 2, &node);
        as_int8(c, axis);
        ASSERT_OK(f.ctx, fill(&f, c));
        check_codes(&f, c, qn_graph_find(f.graph, "w")->constant->part[0].data);

        c = expression(&f, QN_OP_Transpose, (const char *[]){"w"}, 1, QN_F32, turned, 2, &node);
        ASSERT_OK(f.ctx, qn_node_set_ints(f.ctx, node, "perm", (const int64_t[]){1, 0}, 2));
        as_int8(c, axis);
        ASSERT_OK(f.ctx, fill(&f, c));
        ASSERT_OK(f.ctx, qn_const_eval(f.ctx, f.arena, c, &t));
        check_codes(&f, c, t.data);

        c = expression(&f, QN_OP_Cast, (const char *[]){"w"}, 1, QN_F16, dims, 2, &node);
        ASSERT_OK(f.ctx, qn_node_set_int(f.ctx, node, "to", QN_F16));
        ASSERT_OK(f.ctx, qn_node_set_int(f.ctx, node, "clamp", 1));
        as_int8(c, axis);
        ASSERT_OK(f.ctx, fill(&f, c));
        float *wide = malloc(600 * 700 * sizeof *wide);
        ASSERT_OK(f.ctx, qn_const_eval(f.ctx, f.arena, c, &t));
        qn_f16_to_f32_n(t.data, wide, 600 * 700);
        check_codes(&f, c, wide);
        free(wide);
    }
    /* a sum, which is evaluated whole */
    qn_const *c = expression(&f, QN_OP_Add, (const char *[]){"w", "v"}, 2, QN_F32, dims, 2, &node);
    as_int8(c, 1);
    ASSERT_OK(f.ctx, fill(&f, c));
    ASSERT_OK(f.ctx, qn_const_eval(f.ctx, f.arena, c, &t));
    check_codes(&f, c, t.data);
    teardown(&f);
}

QN_TEST(quant_fill_int8_not_finite) {
    fixture f;
    setup(&f, g_plain);
    const int64_t dims[2] = {600, 700};
    qn_node *node;
    qn_const *c = expression(&f, QN_OP_Identity, (const char *[]){"w"}, 1, QN_F32, dims, 2, &node);
    float *w = (float *)(uintptr_t)qn_graph_find(f.graph, "w")->constant->part[0].data;
    as_int8(c, 1);
    w[300000] = NAN;
    ASSERT_FAILS(f.ctx, QN_UNSUPPORTED, "tensor 'the weight': element 300000 is not finite", fill(&f, c));
    qn_clear(f.ctx);
    w[5] = -INFINITY;
    ASSERT_FAILS(f.ctx, QN_UNSUPPORTED, "tensor 'the weight': element 5 is not finite", fill(&f, c));
    qn_clear(f.ctx);
    c->symmetric = false;
    ASSERT_FAILS(f.ctx, QN_UNSUPPORTED, "element 5 is not finite", fill(&f, c));
    qn_clear(f.ctx);
    w[5] = 1e6f, w[300000] = 0;
    c->code_dtype = QN_I4;
    c->scale_dtype = QN_F16;
    c->block = 32;
    ASSERT_FAILS(f.ctx, QN_UNSUPPORTED, "tensor 'the weight' has numbers too large for scales of float16", fill(&f, c));
    qn_clear(f.ctx);
    c->scale_dtype = QN_BF16;
    ASSERT_OK(f.ctx, fill(&f, c)); /* which have the range */
    teardown(&f);
}

/* Rows of 335 elements in blocks of 32: pieces of 195 rows begin and end within a byte, the last block has 15 elements. Each
 * number is within a step of its code: half a step by rounding, and up to one where it is clipped, by the code of the
 * other sign that is missing (symmetric) or by the rounding of the zero point. Rounding the scale to float16 moves the ends
 * of the range by up to 2^-11 of its steps. */
QN_TEST(quant_fill_narrow_codes) {
    static const qn_dtype types[] = {QN_I4, QN_U4, QN_U8, QN_I8};
    fixture f;
    setup(&f, "input %x: float32[1]\nconst %w: float32[301,335] = random(4)\n%y = Relu(%x)\noutput %y\n");
    const int64_t dims[2] = {301, 335}, n = dims[0] * dims[1];
    const float *x = qn_graph_find(f.graph, "w")->constant->part[0].data;
    float *got = malloc((size_t)n * sizeof *got);
    qn_node *node;
    qn_const *c = expression(&f, QN_OP_Identity, (const char *[]){"w"}, 1, QN_F32, dims, 2, &node);
    c->encoding = QN_ENC_AFFINE;
    c->scale_dtype = QN_F16;
    c->block = 32;
    for (int t = 0; t < 4; t++)
        for (int symmetric = 0; symmetric < 2; symmetric++)
            for (c->axis = 0; c->axis < 2; c->axis++) {
                c->code_dtype = types[t];
                c->symmetric = symmetric != 0;
                if (symmetric && !qn_code_type_of(types[t])->is_signed)
                    continue;
                ASSERT_OK(f.ctx, fill(&f, c));
                qn_const filled = *c;
                const qn_groups g = qn_const_groups(c);
                const uint8_t *at = f.out->data;
                filled.expr = NULL;
                for (int part = 0; part < QN_MAX_PARTS; part++) {
                    size_t want;
                    assert_true(qn_const_part_bytes(c, part, &want));
                    assert_int_equal(f.out->n[part], want);
                    filled.part[part] = (qn_bytes){at, want};
                    at += want;
                }
                ASSERT_OK(f.ctx, qn_const_decode(f.ctx, &filled, 0, n, got));
                const float steps = 1 + 0x1p-11f * (float)(1 << qn_code_type_of(types[t])->bits);
                for (int64_t i = 0; i < n; i++) {
                    uint16_t scale;
                    memcpy(&scale, (const char *)filled.part[QN_PART_SCALES].data + 2 * qn_run_at(&g, i, 1).group, 2);
                    assert_true(fabsf(got[i] - x[i]) <= steps * fabsf(qn_f16_to_f32(scale)));
                }
            }
    free(got);
    teardown(&f);
}

QN_TEST(quant_fill_nothing) {
    fixture f;
    setup(&f, "input %x: float32[1]\nconst %w: float32[0,7] = {}\n%y = Relu(%x)\noutput %y\n");
    const int64_t dims[2] = {0, 7};
    qn_node *node;
    ASSERT_OK(f.ctx, fill(&f, qn_graph_find(f.graph, "w")->constant));
    assert_int_equal(f.out->total, 0);
    qn_const *c = expression(&f, QN_OP_Identity, (const char *[]){"w"}, 1, QN_F32, dims, 2, &node);
    ASSERT_OK(f.ctx, fill(&f, c));
    assert_int_equal(f.out->total, 0);
    as_int8(c, 1);
    ASSERT_OK(f.ctx, fill(&f, c));
    assert_int_equal(f.out->n[QN_PART_SCALES], 7 * sizeof(float));
    teardown(&f);
}

/* In pieces, in bands and whole: the bytes of qn_encode, and the error that they have. 2.4 million elements: two bands. */
static void fill_like_encode(fixture *f, qn_const *c, const float *x) {
    enum { STEP = 4096 };
    qn_const_record record = {.sqnr_db = NAN};
    qn_const want = *c;
    float got[STEP];
    double signal = 0, noise = 0;
    c->record = &record;
    ASSERT_OK(f->ctx, fill(f, c));
    want.expr = NULL;
    qn_arena *arena = qn_arena_create();
    ASSERT_OK(f->ctx, qn_encode(f->ctx, arena, &want, x, want.part));
    size_t at = 0;
    for (int part = 0; part < QN_MAX_PARTS; part++) {
        assert_int_equal(f->out->n[part], want.part[part].n);
        assert_true(want.part[part].n == 0 || memcmp(f->out->data + at, want.part[part].data, want.part[part].n) == 0);
        at += want.part[part].n;
    }
    const int64_t n = qn_const_numel(c);
    for (int64_t e = 0; e < n; e += STEP) {
        const int64_t m = n - e < STEP ? n - e : STEP;
        qn_const_elements(&want, e, m, got);
        for (int64_t i = 0; i < m; i++) {
            signal += (double)x[e + i] * (double)x[e + i];
            noise += ((double)x[e + i] - (double)got[i]) * ((double)x[e + i] - (double)got[i]);
        }
    }
    assert_true(fabs(record.sqnr_db - 10 * log10(signal / noise)) < 1e-3);
    qn_arena_destroy(arena);
}

QN_TEST(quant_fill_as_encoded) {
    static const qn_dtype codes[] = {QN_I8, QN_U8, QN_I6, QN_U3, QN_I4, QN_U4, QN_I2};
    static const struct {
        int32_t axis;
        int64_t block;
    } groups[] = {{-1, 0}, {0, 0}, {1, 0}, {1, 32}, {0, 16}, {1, 700}, {1, 1000}, {1, 7}};
    static const qn_dtype scales[] = {QN_F32, QN_F16, QN_BF16};
    fixture f;
    setup(&f, g_plain);
    const int64_t dims[2] = {600, 700};
    const float *x = qn_graph_find(f.graph, "w")->constant->part[0].data;
    qn_node *node;
    for (size_t k = 0; k < sizeof codes / sizeof *codes; k++)
        for (size_t g = 0; g < sizeof groups / sizeof *groups; g++) {
            qn_const *c = expression(&f, QN_OP_Identity, (const char *[]){"w"}, 1, QN_F32, dims, 2, &node);
            c->encoding = QN_ENC_AFFINE;
            c->code_dtype = codes[k];
            c->symmetric = qn_code_type_of(codes[k])->is_signed && g % 3 != 2;
            c->scale_dtype = scales[(k + g) % 3];
            c->axis = groups[g].axis;
            c->block = groups[g].block;
            fill_like_encode(&f, c, x);
        }
    teardown(&f);
}

QN_TEST(quant_fill_in_bands) {
    static const struct {
        qn_dtype code, scale, super;
        int32_t axis;
        int64_t block, super_block;
        qn_range_choice range;
    } cases[] = {{QN_U4, QN_U6, QN_F16, 1, 32, 8, QN_RANGE_MINMAX}, {QN_F8E4M3, QN_F32, QN_NONE, 0, 0, 0, QN_RANGE_MINMAX},
                 {QN_I3, QN_F8E8M0, QN_NONE, 0, 32, 0, QN_RANGE_MINMAX}, {QN_I4, QN_I6, QN_F16, 1, 32, 0, QN_RANGE_MINMAX},
                 {QN_I2, QN_F16, QN_NONE, 1, 100, 0, QN_RANGE_PERCENTILE}};
    fixture f;
    setup(&f, "input %x: float32[1]\nconst %w: float32[3001,800] = random(4)\n%y = Relu(%x)\noutput %y\n");
    const int64_t dims[2] = {3001, 800};
    const float *x = qn_graph_find(f.graph, "w")->constant->part[0].data;
    qn_node *node;
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        const qn_encode_how how = {.scheme = {.range = cases[k].range, .percentile = 99}, .importance_axis = 1};
        qn_const *c = expression(&f, QN_OP_Identity, (const char *[]){"w"}, 1, QN_F32, dims, 2, &node);
        c->encoding = QN_ENC_AFFINE;
        c->code_dtype = cases[k].code;
        c->symmetric = cases[k].code != QN_U4;
        c->scale_dtype = cases[k].scale;
        c->super_dtype = cases[k].super;
        c->super_block = cases[k].super_block;
        c->axis = cases[k].axis;
        c->block = cases[k].block;
        c->how = &how;
        fill_like_encode(&f, c, x);
    }
    teardown(&f);
}
