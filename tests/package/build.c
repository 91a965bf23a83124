#include "tests/package/build.h"

#include <libdeflate.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/half.h"
#include "base/map.h"
#include "ir/preprocess.h"
#include "ir/text.h"
#include "kernels/eval.h"
#include "ops/op.h"
#include "package/shipped.h"
#include "quant/quant.h"
#include "tests/test.h"

const qn_provenance qn_test_provenance = {
    .quern_version = "0.1.0",
    .recipe = "precision=float16 weights=int8",
    .licence = "Apache-2.0",
    .producer = "a test",
    .n_sources = 2,
    .source_names = (const char *const[]){"model.onnx", "model.onnx.data"},
    .source_hashes = (const char *const[]){"xxh3-128:00000000000000000000000000000001", "xxh3-128:00000000000000000000000000000002"},
};

static const char g_rich[] =
    "input  %x: float32[batch,24,64]\n"
    "input  %flag: bool[]\n"
    "const  %w: float32[64,48] = random(1)\n"
    "const  %w8: float32[48,32] = random(2)\n"
    "const  %w4: float32[5,9] = random(5)\n"
    "const  %b: float32[32] = positive(3)\n"
    "const  %big: int64[3] = {9223372036854775807, -1, -9223372036854775807}\n"
    "const  %none: float32[0,5] = {}\n"
    "const  %half: float32[] = 0.5\n"
    "const  %shape: int64[2] = {-1, 32}\n"
    "const  %k: int64[1] = {3}\n"
    "%a = MatMul(%x, %w)\n"
    "%c = Linear(%a, %w8, %b) {activation=\"CLIP\", activation_min=-0.0, activation_max=1.5}\n"
    "%d = Reshape(%c, %shape)\n"
    "%e = If(%flag) {then_branch={\n"
    "    %t = Mul(%d, %half)\n"
    "    output %t\n"
    "}, else_branch={\n"
    "    %u = Clip(%d, _, %half)\n"
    "    output %u\n"
    "}}\n"
    "%f = ConstantOfShape(%k)\n"
    "%g = Identity(%big)\n"
    "%h = Identity(%none)\n"
    "%i = Transpose(%x) {perm=[2, 0, 1]}\n"
    "%j = Abs(%w4)\n"
    "output \"result\" = %e\n"
    "output %f\n"
    "output %g\n"
    "output %h\n"
    "output %i\n"
    "output %j\n"
    "output %half\n";

void qn_test_encode(qn_context *ctx, qn_graph *graph, const char *name, int32_t axis) {
    qn_value *v = qn_graph_find(graph, name), *source;
    qn_node *identity;
    qn_const *c = qn_arena_alloc(graph->arena, sizeof *c);
    ASSERT_OK(ctx, qn_value_constant(ctx, graph, "source", v->constant, &source));
    ASSERT_OK(ctx, qn_node_create(ctx, graph, NULL, QN_OP_Identity, "encode", &source, 1, 1, &identity));
    qn_node_detach(identity);
    *c = *v->constant;
    memset(c->part, 0, sizeof c->part);
    c->encoding = QN_ENC_AFFINE;
    c->code_dtype = QN_I8;
    c->scale_dtype = QN_F32;
    c->symmetric = true;
    c->axis = axis;
    c->expr = identity;
    v->constant = c;
}

qn_graph *qn_test_rich_graph(qn_context *ctx) {
    qn_graph *graph;
    ASSERT_OK(ctx, qn_graph_parse(ctx, g_rich, &graph));
    qn_test_encode(ctx, graph, "w8", 1);
    qn_test_encode(ctx, graph, "w4", 1);
    union { const qn_const *from; qn_const *to; } w4 = {qn_graph_find(graph, "w4")->constant};
    w4.to->code_dtype = QN_I4;
    w4.to->scale_dtype = QN_F16;
    w4.to->symmetric = false;
    w4.to->block = 4; /* rows of 9: odd, and the last block has one element */
    /* what the text form leaves out */
    static const float fill = -0.0f;
    const int64_t one = 1;
    qn_const *c;
    ASSERT_OK(ctx, qn_const_dense(ctx, graph->arena, QN_F32, 1, &one, &fill, sizeof fill, &c));
    qn_attr attr = {.name = "value", .kind = QN_ATTR_TENSOR, .as.tensor = c};
    ASSERT_OK(ctx, qn_node_set_attr(ctx, qn_graph_find(graph, "f")->producer, &attr));
    qn_node *linear = qn_graph_find(graph, "c")->producer;
    linear->origin = "/encoder/MatMul+/encoder/Add";
    linear->compute = QN_F32;
    qn_graph_find(graph, "c")->origin = "encoder_out";
    qn_symbol_set_range(graph->symbols, qn_dim_symbol_index(graph->symbols, qn_dim_symbol(graph->symbols, "batch")),
                        (qn_dim_range){.min = 1, .max = 64, .multiple = 1});
    qn_value *i = qn_graph_find(graph, "i");
    i->type = (qn_type){.dtype = QN_F32, .rank = 3, .dims = {64, qn_dim_symbol(graph->symbols, "batch"), 24}};
    qn_value *d = qn_graph_find(graph, "d");
    qn_dim twice = qn_dim_mul(graph->symbols, qn_dim_symbol(graph->symbols, "batch"), 24);
    d->type = (qn_type){.dtype = QN_F32, .rank = 2, .dims = {twice, 32}};
    return graph;
}

static char *new_path(void) {
    static char paths[8][160];
    static unsigned next;
    char *path = paths[next++ % 8];
    snprintf(path, sizeof paths[0], "%s/package-%u.quern", qn_test_tmp(), next);
    return path;
}

qn_status qn_test_fill_parts(void *user, qn_context *ctx, qn_arena *arena, const qn_const *c, qn_part_sink put, void *sink) {
    (void)user, (void)ctx, (void)arena;
    for (int part = 0; part < QN_MAX_PARTS; part++)
        if (c->part[part].n)
            QN_TRY(put(sink, part, c->part[part].data, c->part[part].n));
    return QN_OK;
}

const char *qn_test_ship(qn_context *ctx, const char *path) {
    char *shipped = new_path();
    qn_map *map;
    uint64_t n;
    ASSERT_OK(ctx, qn_map_open(ctx, path, &map));
    ASSERT_OK(ctx, qn_shipped_write(ctx, qn_map_data(map), qn_map_bytes(map), shipped, &n));
    qn_map_close(map);
    return shipped;
}

const char *qn_test_write_package(qn_context *ctx, const qn_graph *graph) {
    char *path = new_path();
    ASSERT_OK(ctx, qn_package_write(ctx, graph, &qn_test_provenance, qn_fill_const, NULL, path, NULL));
    return path;
}

qn_test_bytes qn_test_read_bytes(const char *path) {
    qn_test_bytes b = {0};
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    assert_int_equal(fseek(f, 0, SEEK_END), 0);
    b.n = (size_t)ftell(f);
    rewind(f);
    b.data = malloc(b.n);
    assert_non_null(b.data);
    assert_int_equal(fread(b.data, 1, b.n, f), b.n);
    fclose(f);
    return b;
}

qn_test_bytes qn_test_archive(qn_zip_entry *entries, uint8_t *const *data, int64_t n) {
    uint64_t central;
    assert_true(qn_zip_place(entries, n, &central));
    qn_test_bytes b = {.n = (size_t)central + QN_ZIP_END_BYTES};
    for (int64_t i = 0; i < n; i++)
        b.n += qn_zip_central_bytes(&entries[i]);
    b.data = calloc(b.n, 1);
    assert_non_null(b.data);
    size_t at = (size_t)central;
    for (int64_t i = 0; i < n; i++) {
        if (entries[i].n_bytes)
            memcpy(b.data + entries[i].data, data[i], (size_t)entries[i].n_bytes);
        entries[i].crc = libdeflate_crc32(0, b.data + entries[i].data, (size_t)entries[i].n_bytes);
        qn_zip_put_local(&entries[i], b.data + entries[i].header);
        qn_zip_put_central(&entries[i], b.data + at);
        at += qn_zip_central_bytes(&entries[i]);
    }
    qn_zip_put_end((uint64_t)n, central, at - central, b.data + at);
    return b;
}

qn_test_bytes qn_test_change(qn_context *ctx, qn_test_bytes package, void (*change)(Quern__Package *, void *), void *arg,
                             const char *drop) {
    qn_arena *arena = qn_arena_create();
    qn_zip_entry *entries;
    int64_t n, kept = 0;
    Quern__Package *m;
    ASSERT_OK(ctx, qn_zip_read(ctx, arena, package.data, package.n, &entries, &n));
    ASSERT_OK(ctx, qn_proto_unpack(ctx, arena, package.data + entries[0].data, (size_t)entries[0].n_bytes, &m));
    if (change)
        change(m, arg);
    uint8_t **data = qn_arena_array(arena, (size_t)n, sizeof *data);
    uint8_t *model = qn_arena_alloc(arena, quern__package__get_packed_size(m));
    for (int64_t i = 0; i < n; i++)
        if (!drop || strcmp(entries[i].name, drop) != 0) {
            data[kept] = package.data + entries[i].data;
            entries[kept++] = entries[i];
        }
    data[0] = model;
    entries[0].n_bytes = quern__package__pack(m, model);
    qn_test_bytes out = qn_test_archive(entries, data, kept);
    qn_arena_destroy(arena);
    return out;
}

/* ---- lines ------------------------------------------------------------------------------------------- */

typedef struct dump {
    qn_context *ctx;
    qn_arena *arena;
    qn_buf lines;
    bool *seen;
} dump;

static const char *type_text(dump *d, const qn_graph *graph, const qn_type *type) {
    return qn_type_format(d->arena, graph->symbols, type);
}

/* Bits of each element, as the definition of each encoding gives them. */
static const char *const_text(dump *d, const qn_const *c) {
    qn_buf out = QN_BUF_INIT;
    size_t width = qn_dtype_bytes(c->dtype);
    qn_buf_printf(&out, "%s[", qn_dtype_name(c->dtype));
    for (int32_t i = 0; i < c->rank; i++)
        qn_buf_printf(&out, "%s%lld", i ? "," : "", (long long)c->dims[i]);
    qn_buf_puts(&out, "] ");
    for (int64_t i = 0; i < qn_const_numel(c); i++) {
        uint64_t bits = 0;
        if (c->encoding == QN_ENC_DENSE) {
            memcpy(&bits, (const char *)c->part[QN_PART_VALUES].data + (size_t)i * width, width);
        } else {
            float x;
            ASSERT_OK(d->ctx, qn_const_decode(d->ctx, c, i, 1, &x));
            memcpy(&bits, &x, sizeof x);
            bits = c->dtype == QN_F16 ? qn_f32_to_f16(x) : c->dtype == QN_BF16 ? qn_f32_to_bf16(x) : bits;
        }
        qn_buf_printf(&out, "%s%llx", i ? "," : "", (unsigned long long)bits);
    }
    const char *text = qn_arena_strdup(d->arena, out.data);
    qn_buf_free(&out);
    return text;
}

static void dump_value(dump *d, const qn_graph *graph, const qn_value *v) {
    if (!v || d->seen[v->id])
        return;
    d->seen[v->id] = true;
    const char *origin = v->origin ? v->origin : "";
    if (v->constant)
        qn_buf_printf(&d->lines, "constant %s origin '%s': %s\n", v->name, origin, const_text(d, v->constant));
    else
        qn_buf_printf(&d->lines, "value %s origin '%s': %s\n", v->name, origin, type_text(d, graph, &v->type));
}

static void dump_graph(dump *d, const qn_graph *graph, const char *what);

static int by_text(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

/* Attributes by name; the lines of graphs among them come at once. In the arena. */
static const char *attrs_text(dump *d, const qn_node *node) {
    char *texts[32];
    qn_buf all = QN_BUF_INIT;
    for (int32_t i = 0; i < node->n_attrs; i++) {
        const qn_attr *a = &node->attrs[i];
        qn_buf out = QN_BUF_INIT;
        bool scalar = a->kind == QN_ATTR_INT || a->kind == QN_ATTR_FLOAT || a->kind == QN_ATTR_STRING;
        qn_buf_printf(&out, "%s=%c:", a->name, (int)a->kind);
        for (int64_t k = 0; k < (scalar ? 1 : a->n); k++) {
            qn_buf_puts(&out, k ? "," : "");
            float f = a->kind == QN_ATTR_FLOAT ? a->as.f : a->kind == QN_ATTR_FLOATS ? a->as.floats[k] : 0;
            uint32_t bits;
            memcpy(&bits, &f, sizeof bits);
            if (a->kind == QN_ATTR_INT || a->kind == QN_ATTR_INTS)
                qn_buf_printf(&out, "%lld", (long long)(scalar ? a->as.i : a->as.ints[k]));
            else if (a->kind == QN_ATTR_FLOAT || a->kind == QN_ATTR_FLOATS)
                qn_buf_printf(&out, "%08x", bits);
            else
                qn_buf_puts(&out, scalar ? a->as.s : a->as.strings[k]);
        }
        if (a->kind == QN_ATTR_TENSOR)
            qn_buf_puts(&out, const_text(d, a->as.tensor));
        if (a->kind == QN_ATTR_GRAPH) {
            dump_graph(d, a->as.graph, "inner");
            qn_buf_puts(&out, "graph");
        }
        texts[i] = qn_arena_strdup(d->arena, out.data);
        qn_buf_free(&out);
    }
    qsort(texts, (size_t)node->n_attrs, sizeof *texts, by_text);
    for (int32_t i = 0; i < node->n_attrs; i++)
        qn_buf_printf(&all, "%s%s", i ? " " : "", texts[i]);
    const char *text = qn_arena_strdup(d->arena, all.data ? all.data : "");
    qn_buf_free(&all);
    return text;
}

static const char *values_text(dump *d, const qn_graph *graph, qn_value *const *v, int32_t n) {
    qn_buf out = QN_BUF_INIT;
    for (int32_t i = 0; i < n; i++) {
        dump_value(d, graph, v[i]);
        qn_buf_printf(&out, "%s%s", i ? "," : "", v[i] ? v[i]->name : "_");
    }
    const char *text = qn_arena_strdup(d->arena, out.data ? out.data : "");
    qn_buf_free(&out);
    return text;
}

static void dump_graph(dump *d, const qn_graph *graph, const char *what) {
    for (int32_t i = 0; i < graph->n_inputs; i++) {
        qn_buf_printf(&d->lines, "%s input %s = %s\n", what, graph->inputs[i].name, graph->inputs[i].value->name);
        dump_value(d, graph, graph->inputs[i].value);
    }
    for (int32_t i = 0; i < graph->n_outputs; i++)
        qn_buf_printf(&d->lines, "%s output %s = %s\n", what, graph->outputs[i].name, graph->outputs[i].value->name);
    for (const qn_node *node = graph->first; node; node = node->next) {
        const char *in = values_text(d, graph, node->in, node->n_in), *out = values_text(d, graph, node->out, node->n_out);
        const char *attrs = attrs_text(d, node);
        qn_buf_printf(&d->lines, "node %s '%s' origin '%s' compute %d (%s) -> (%s) {%s}\n", qn_op_row(node->op)->name,
                      node->name, node->origin ? node->origin : "", (int)node->compute, in, out, attrs);
    }
    for (int32_t i = 0; i < graph->n_outputs; i++)
        dump_value(d, graph, graph->outputs[i].value);
}

char *qn_test_dump(qn_context *ctx, const qn_graph *graph, const qn_provenance *p) {
    dump d = {.ctx = ctx, .arena = qn_arena_create()};
    d.seen = qn_arena_array(d.arena, qn_graph_value_bound(graph), sizeof(bool));
    dump_graph(&d, graph, "outer");
    for (int32_t i = 0; i < qn_symbols_count(graph->symbols); i++) {
        const qn_dim_range *r = qn_symbol_range(graph->symbols, i);
        qn_buf_printf(&d.lines, "symbol %s %lld..%lld:%lld ", qn_symbol_name(graph->symbols, i), (long long)r->min,
                      (long long)r->max, (long long)r->multiple);
        for (int32_t k = 0; k < r->n_list; k++)
            qn_buf_printf(&d.lines, "%s%lld", k ? "|" : "", (long long)r->list[k]);
        qn_buf_puts(&d.lines, "\n");
    }
    const char *texts[4] = {p->quern_version, p->recipe, p->licence, p->producer};
    for (int i = 0; i < 4; i++)
        qn_buf_printf(&d.lines, "%s'%s'%s", i ? " " : "provenance ", texts[i] ? texts[i] : "", i == 3 ? "\n" : "");
    for (int32_t i = 0; i < p->n_sources; i++)
        qn_buf_printf(&d.lines, "source '%s' %s\n", p->source_names[i], p->source_hashes[i]);
    if (graph->preprocess) {
        const qn_preprocess *q = graph->preprocess;
        const double numbers[7] = {q->rescale, q->mean[0], q->mean[1], q->mean[2], q->std[0], q->std[1], q->std[2]};
        qn_buf_printf(&d.lines, "preprocess '%s' size %d %dx%d:%d interpolation %d %d %d", q->input, (int)q->size,
                      (int)q->height, (int)q->width, (int)q->multiple, (int)q->interpolation, q->antialias, q->resize_last);
        for (int i = 0; i < 7; i++) {
            uint64_t bits;
            memcpy(&bits, &numbers[i], sizeof bits);
            qn_buf_printf(&d.lines, " %016llx", (unsigned long long)bits);
        }
        qn_buf_puts(&d.lines, "\n");
    }
    /* sorted, one a line */
    size_t n = 0, at = 0;
    for (size_t i = 0; i < d.lines.n; i++)
        n += d.lines.data[i] == '\n';
    char **lines = qn_arena_array(d.arena, n, sizeof *lines), *save = NULL;
    for (char *line = strtok_r(d.lines.data, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
        lines[at++] = line;
    qsort(lines, at, sizeof *lines, by_text);
    qn_buf out = QN_BUF_INIT;
    for (size_t i = 0; i < at; i++)
        qn_buf_printf(&out, "%s\n", lines[i]);
    qn_buf_free(&d.lines);
    qn_arena_destroy(d.arena);
    return out.data;
}
