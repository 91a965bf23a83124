/* What the builder says of a checkpoint that is not what an architecture asks for. */
#include "arch/builder.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "run/session.h"
#include "tests/arch/checkpoint_build.h"
#include "tests/read/safetensors_build.h"
#include "tests/test.h"

/* y = relu(x * scale + shift) over x [n, 3], of a checkpoint in a folder. */
typedef struct site {
    qn_context *ctx;
    qn_checkpoint *source;
    qn_graph *graph;
    qn_builder b;
    const qn_convert_dropped *dropped;
    int32_t n_dropped;
} site;

static site begin(const ckpt *c, const char *name, const ckpt_storage *storage) {
    site s = {.ctx = qn_test_context()};
    char folder[256];
    st_folder(name, folder);
    ckpt_write(c, folder, storage);
    ASSERT_OK(s.ctx, qn_checkpoint_open(s.ctx, folder, &s.source));
    ASSERT_OK(s.ctx, qn_graph_create(s.ctx, "built", &s.graph));
    ASSERT_OK(s.ctx, qn_builder_start(s.ctx, s.graph, s.source, &s.b));
    return s;
}

static void build(site *s) {
    const qn_dim dims[] = {qn_build_symbol(&s->b, "n", 1, 100, 1), 3};
    qn_value *x = qn_build_input(&s->b, "x", dims, 2);
    qn_value *scale = qn_build_weight(&s->b, "norm.scale", QN_DIMS(3)), *shift = qn_build_weight(&s->b, "norm.shift", QN_DIMS(3));
    qn_value *y = qn_build_binary(&s->b, QN_OP_Mul, "scaled", x, scale);
    y = qn_build_binary(&s->b, QN_OP_Add, NULL, y, shift);
    qn_build_output(&s->b, "y", qn_build_unary(&s->b, QN_OP_Relu, "y", y));
    qn_build_unused(&s->b, "mask");
    qn_build_unused(&s->b, "old.*");
}

static qn_status finish(site *s) { return qn_builder_finish(&s->b, &s->dropped, &s->n_dropped); }

static void end(site *s) {
    qn_graph_destroy(s->graph);
    qn_checkpoint_close(s->source);
    qn_context_destroy(s->ctx);
}

/* What comes out for x = {1, 2, 3}. */
static void run(site *s, float *y) {
    float x[] = {1, 2, 3};
    const qn_tensor in = {.dtype = QN_F32, .rank = 2, .dims = {1, 3}, .data = x, .n_bytes = sizeof x};
    qn_tensor out;
    qn_session *session;
    ASSERT_OK(s->ctx, qn_session_create(s->ctx, s->graph, NULL, &session));
    ASSERT_OK(s->ctx, qn_session_run(session, &in, 1, &out, 1));
    assert_int_equal(out.n_bytes, sizeof x);
    memcpy(y, out.data, sizeof x);
    qn_session_destroy(session);
}

static ckpt good(void) {
    ckpt c = ckpt_begin(1);
    ckpt_tensor *scale = ckpt_add(&c, "norm.scale", 0, 0, QN_DIMS(3)), *shift;
    for (int i = 0; i < 3; i++)
        scale->data[i] = (float)i + 0.5f; /* exact in every type */
    shift = ckpt_add(&c, "norm.shift", 0, 0, QN_DIMS(3));
    shift->data[0] = -2;
    return c;
}

/* Weights of every type, at every address. */
QN_TEST(arch_builder_weights) {
    static const struct {
        qn_dtype dtype;
        int pad, n_casts;
    } rows[] = {{QN_F32, 0, 0}, {QN_F32, 1, 0}, {QN_F32, 3, 0}, {QN_F16, 0, 2}, {QN_F16, 1, 2}, {QN_BF16, 0, 2},
                {QN_BF16, 1, 2}, {QN_F64, 0, 2}, {QN_F64, 5, 2}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        ckpt c = good();
        site s = begin(&c, "types", &(ckpt_storage){.dtype = rows[i].dtype, .pad = rows[i].pad});
        float y[3];
        int n_casts = 0;
        build(&s);
        ASSERT_OK(s.ctx, finish(&s));
        for (const qn_node *n = s.graph->first; n; n = n->next)
            n_casts += n->op == QN_OP_Cast;
        assert_int_equal(n_casts, rows[i].n_casts);
        assert_string_equal(qn_graph_find(s.graph, "norm.scale")->origin, "norm.scale");
        run(&s, y);
        assert_true(y[0] == 0 && y[1] == 3 && y[2] == 7.5f);
        end(&s);
        ckpt_end(&c);
    }
}

/* One message for all: in the order in which they were asked for, then what nobody asked for. */
QN_TEST(arch_builder_lists_what_is_wrong) {
    ckpt c = ckpt_begin(1);
    (void)ckpt_add(&c, "norm.shift", 0, 1, QN_DIMS(3, 1));
    (void)ckpt_add(&c, "stranger", 0, 1, QN_DIMS(2));
    (void)ckpt_add(&c, "another", 0, 1, NULL, 0);
    (void)ckpt_add(&c, "mask", 0, 1, QN_DIMS(4));
    site s = begin(&c, "wrong", NULL);
    build(&s);
    ASSERT_FAILS(s.ctx, QN_MALFORMED,
                 "/wrong: 4 tensors: 'norm.scale' [3] is missing; 'norm.shift' is [3, 1], not [3];"
                 " 'stranger' [2] is no tensor of this model; 'another' [] is no tensor of this model", finish(&s));
    assert_null(s.dropped);
    end(&s);
    ckpt_end(&c);
}

QN_TEST(arch_builder_one_wrong) {
    ckpt c = good();
    ckpt_remove(&c, "norm.scale");
    site s = begin(&c, "one", NULL);
    build(&s);
    ASSERT_FAILS(s.ctx, QN_MALFORMED, "/one: 1 tensor: 'norm.scale' [3] is missing", finish(&s));
    end(&s);
    ckpt_end(&c);
}

QN_TEST(arch_builder_wrong_type) {
    ckpt c = good();
    site s = begin(&c, "integers", &(ckpt_storage){.dtype = QN_I32});
    build(&s);
    ASSERT_FAILS(s.ctx, QN_MALFORMED, "2 tensors: 'norm.scale' is of type I32, not F32, F16, BF16 or F64;"
                                      " 'norm.shift' is of type I32, not F32, F16, BF16 or F64", finish(&s));
    end(&s);
    ckpt_end(&c);
}

/* A name that is read twice, as two shapes. */
QN_TEST(arch_builder_two_shapes) {
    ckpt c = good();
    site s = begin(&c, "two", NULL);
    build(&s);
    assert_ptr_equal(qn_build_weight(&s.b, "norm.scale", QN_DIMS(3)), qn_build_weight(&s.b, "norm.scale", QN_DIMS(3)));
    (void)qn_build_weight(&s.b, "norm.scale", QN_DIMS(1, 3));
    ASSERT_FAILS(s.ctx, QN_MALFORMED, "1 tensor: 'norm.scale' is read as [3] and as [1, 3]", finish(&s));
    end(&s);
    ckpt_end(&c);
}

QN_TEST(arch_builder_drops_unused) {
    ckpt c = good();
    (void)ckpt_add(&c, "mask", 0, 1, QN_DIMS(4));
    (void)ckpt_add(&c, "old.head.weight", 0, 1, QN_DIMS(2, 2));
    site s = begin(&c, "dropped", NULL);
    build(&s);
    ASSERT_OK(s.ctx, finish(&s));
    assert_int_equal(s.n_dropped, 2);
    assert_string_equal(s.dropped[0].name, "mask");
    assert_int_equal(s.dropped[0].bytes, 16);
    assert_string_equal(s.dropped[1].name, "old.head.weight");
    assert_null(qn_graph_find(s.graph, "mask"));
    end(&s);
    ckpt_end(&c);
}

/* A pattern that a weight fits does not keep it from being read; a name alone is no pattern for what begins with it. */
QN_TEST(arch_builder_unused_is_exact) {
    ckpt c = good();
    (void)ckpt_add(&c, "mask2", 0, 1, QN_DIMS(4));
    site s = begin(&c, "exact", NULL);
    build(&s);
    qn_build_unused(&s.b, "norm.*");
    ASSERT_FAILS(s.ctx, QN_MALFORMED, "1 tensor: 'mask2' [4] is no tensor of this model", finish(&s));
    end(&s);
    ckpt_end(&c);
}

/* A tensor that is stored once under one of its names; the others are in __metadata__. */
QN_TEST(arch_builder_aliases) {
    ckpt c = good();
    ckpt_remove(&c, "norm.shift");
    site s = begin(&c, "aliases", &(ckpt_storage){.metadata = "{\"norm.shift\": \"norm.scale\", \"lost\": \"nowhere\"}"});
    float y[3];
    build(&s);
    ASSERT_OK(s.ctx, finish(&s));
    run(&s, y);
    assert_true(y[0] == 1 && y[1] == 4.5f && y[2] == 10);
    end(&s);
    ckpt_end(&c);
}

/* An alias of another shape than what is asked for, and one of itself. */
QN_TEST(arch_builder_bad_aliases) {
    ckpt c = ckpt_begin(1);
    (void)ckpt_add(&c, "norm.scale", 0, 1, QN_DIMS(3, 3));
    site s = begin(&c, "badaliases", &(ckpt_storage){.metadata = "{\"norm.shift\": \"norm.shift\"}"});
    build(&s);
    ASSERT_FAILS(s.ctx, QN_MALFORMED, "2 tensors: 'norm.scale' is [3, 3], not [3]; 'norm.shift' [3] is missing", finish(&s));
    end(&s);
    ckpt_end(&c);
}

/* The first failure stays; calls after it do nothing and are safe. */
QN_TEST(arch_builder_sticky_failure) {
    ckpt c = good();
    site s = begin(&c, "sticky", NULL);
    qn_build_try(&s.b, qn_fail(s.ctx, QN_UNSUPPORTED, "no %s today", "cake"));
    qn_build_try(&s.b, qn_fail(s.ctx, QN_MALFORMED, "another"));
    build(&s);
    assert_null(qn_build_weight(&s.b, "norm.scale", QN_DIMS(3)));
    assert_null(qn_build_float(&s.b, 1));
    assert_null(qn_build_ints(&s.b, QN_DIMS(1)));
    assert_string_equal(qn_build_name(&s.b, "%d", 1), "");
    assert_int_equal(s.graph->n_nodes, 0);
    ASSERT_FAILS(s.ctx, QN_UNSUPPORTED, "no cake today", finish(&s));
    assert_true(!s.dropped && s.n_dropped == 0);
    end(&s);
    ckpt_end(&c);
}

/* Shapes that do not go together: the node is named, and the checkpoint. */
QN_TEST(arch_builder_shapes_disagree) {
    ckpt c = good();
    site s = begin(&c, "disagree", NULL);
    build(&s);
    qn_value *two = qn_build_floats(&s.b, (const float[]){1, 2}, 2);
    assert_null(qn_build_binary(&s.b, QN_OP_Add, "module.sum", qn_build_weight(&s.b, "norm.scale", QN_DIMS(3)), two));
    assert_int_equal(s.b.status, QN_MALFORMED);
    ASSERT_FAILS(s.ctx, QN_MALFORMED, "/disagree: ", finish(&s));
    assert_non_null(strstr(qn_context_message(s.ctx), "module.sum"));
    end(&s);
    ckpt_end(&c);
}
