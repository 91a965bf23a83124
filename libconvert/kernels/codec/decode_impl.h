/* Every encoding, a piece at a time: numbers of what is stored, at the places of their elements, times their scales. Each step
 * is exact or rounded once, as in the definition (kernels/decode.c), so the bits are the same. */
#include "kernels/codec/codec.h"
#include "kernels/codec/palette_impl.h"
#include "kernels/codec/scales_impl.h"
#include "kernels/codec/sparse_impl.h"

enum { PIECE = QN_SPARSE_CHUNK };

/* Elements that share a table of a palette. */
typedef struct tables {
    int64_t inner, size, group, entries; /* size 0: one table */
    int64_t loaded;                      /* -1: none */
    float numbers[PALETTE_FLOATS];
} tables;

static void tables_of(const qn_const *c, tables *t) {
    t->inner = 1;
    t->size = c->lut_axis < 0 ? 0 : c->dims[c->lut_axis];
    t->group = c->lut_group;
    t->entries = (int64_t)(c->width > 1 ? c->width : 1) << c->bits;
    t->loaded = -1;
    for (int32_t d = c->lut_axis + 1; c->lut_axis >= 0 && d < c->rank; d++)
        t->inner *= c->dims[d];
}

/* The table of element e, and how many elements from it on have it, at most `left`. */
static int64_t table_at(const tables *t, int64_t e, int64_t left, int64_t *run) {
    *run = left;
    if (t->size == 0)
        return 0;
    const int64_t along = e / t->inner % t->size, table = along / t->group,
                  there = t->size - table * t->group < t->group ? t->size - table * t->group : t->group,
                  rest = (there - (along - table * t->group)) * t->inner - e % t->inner;
    *run = rest < left ? rest : left;
    return table;
}

/* Stored elements [at, at + n) of a palette, which share a table. */
static void palette_numbers(const qn_const *c, tables *t, int64_t table, int64_t at, int64_t n, float *to) {
    if (table != t->loaded && n * 32 < t->entries) { /* not worth loading */
        const int64_t width = c->width > 1 ? c->width : 1;
        for (int64_t i = at; i < at + n; i++)
            *to++ = table_entry(c, table, t->entries,
                                qn_code_bits(c->bits, c->part[QN_PART_INDICES].data, i / width) * width + i % width);
        return;
    }
    if (table != t->loaded)
        load_table(c, t->loaded = table, t->entries, t->numbers);
    if (c->width > 1)
        look_up_vectors(c, t->numbers, at, n, to);
    else
        look_up_scalars(c, t->numbers, at, n, to);
}

typedef struct source {
    const qn_const *c;
    const qn_code_type *code;
    tables tables;
} source;

/* Numbers of n stored elements from place `at` on; those of a palette share `table`. */
static void stored_numbers(source *s, int64_t table, int64_t at, int64_t n, float *to) {
    const qn_bytes *part = &s->c->part[0];
    if (n == 0)
        return;
    if (s->c->encoding == QN_ENC_AFFINE)
        unpack_numbers(s->code, part->data, (int64_t)part->n, at, n, to);
    else if (s->c->encoding == QN_ENC_PALETTE)
        palette_numbers(s->c, &s->tables, table, at, n, to);
    else
        for (int64_t i = 0; i < n; i += VF_LANES)
            vf_write_n(QN_F32, to, i, vf_read_n(s->c->dtype, part->data, at + i, n - i), n - i);
}

/* Numbers of elements [first, first + n), 0 where none is stored; m: those of the chunk, when sparse. */
static void numbers(source *s, const chunk_mask *m, int64_t first, int64_t n, float *out) {
    const int64_t begin = first - first % QN_SPARSE_CHUNK;
    int64_t place = m ? m->start + count_kept(m, 0, first - begin) : first;
    for (int64_t i = 0; i < n;) {
        int64_t run = n - i, table = 0;
        if (s->c->encoding == QN_ENC_PALETTE)
            table = table_at(&s->tables, first + i, n - i, &run);
        if (!m) {
            stored_numbers(s, table, place, run, out + i);
            place += run;
        } else {
            float kept[QN_SPARSE_CHUNK + EXPAND_ROOM];
            const int64_t from = first + i - begin, there = count_kept(m, from, from + run);
            stored_numbers(s, table, place, there, kept);
            memset(kept + there, 0, EXPAND_ROOM * sizeof *kept);
            expand_kept(m, from, run, kept, out + i);
            place += there;
        }
        i += run;
    }
}

void VF_NAME(qn_decode_encoded)(const qn_const *c, int64_t first, int64_t n, float *out) {
    const bool scaled = c->encoding == QN_ENC_AFFINE || (c->encoding == QN_ENC_PALETTE && c->scale_dtype != QN_NONE);
    source s;
    scaler by;
    chunk_mask mask;
    qn_groups groups = {.n_groups = 1, .inner = 1};
    s.c = c;
    s.code = c->encoding == QN_ENC_AFFINE ? qn_code_type_of(c->code_dtype) : NULL;
    if (c->encoding == QN_ENC_PALETTE)
        tables_of(c, &s.tables);
    if (scaled) {
        groups = qn_const_groups(c);
        by.c = c;
        by.code = s.code && !c->symmetric ? s.code : NULL;
        by.first = by.n = 0;
    }
    while (n > 0) {
        const int64_t along = first % PIECE, piece = PIECE - along < n ? PIECE - along : n;
        if (c->sparse)
            load_chunk(c, first / PIECE, &mask);
        numbers(&s, c->sparse ? &mask : NULL, first, piece, out);
        if (scaled)
            scale_elements(&by, &groups, first, piece, out);
        if (scaled && c->sparse)
            clear_others(&mask, along, piece, out);
        first += piece;
        out += piece;
        n -= piece;
    }
}
