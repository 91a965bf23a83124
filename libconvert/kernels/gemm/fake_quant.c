/* A group is cut into pieces of a fixed length, so that a few large images and many short rows are shared alike: each
 * piece finds its range, then each is quantised by the range of its group. */
#include "kernels/gemm/fake_quant.h"

#include <math.h>
#include <string.h>

#include "base/context.h"
#include "base/pool.h"

enum { PIECE = 1 << 14, GRAIN = 1 << 14 }; /* elements of a piece; of an item of work */

bool qn_fake_quant_accepts(const qn_kernel_args *args) {
    qn_x_quant_mode mode;
    qn_x_quant fixed;
    return qn_x_quant_of(args->node, &mode, &fixed) && args->n_in <= QN_FAKE_QUANT_IN;
}

typedef struct piece {
    float least, largest;
    bool finite;
} piece;

typedef struct job {
    qn_quant_range_fn range;
    qn_quant_values_fn values;
    qn_dtype dtype;
    const void *x;
    float *out;
    int64_t n_group, per_group; /* elements and pieces of a group */
    piece *pieces;              /* [groups][per_group]; NULL: static codes ... */
    qn_x_quant fixed;           /* ... of this meaning */
} job;

static job kernels_of(const qn_context *ctx) {
    return (job){.range = QN_ISA_PICK(ctx, qn_quant_range), .values = QN_ISA_PICK(ctx, qn_quant_values)};
}

/* Elements [*begin, *end) of piece i. */
static void bounds(const job *j, int64_t i, int64_t *begin, int64_t *end) {
    const int64_t group = i / j->per_group, at = i % j->per_group * PIECE;
    *begin = group * j->n_group + at;
    *end = *begin + (j->n_group - at < PIECE ? j->n_group - at : PIECE);
}

static void find_ranges(void *arg, int64_t first, int64_t last, int worker) {
    (void)worker;
    const job *j = arg;
    for (int64_t i = first; i < last; i++) {
        int64_t begin, end;
        bounds(j, i, &begin, &end);
        j->pieces[i].finite = j->range(j->dtype, j->x, begin, end, &j->pieces[i].least, &j->pieces[i].largest);
    }
}

static qn_x_quant group_quant(const piece *p, int64_t n) {
    piece all = {0, 0, true};
    for (int64_t i = 0; i < n; i++) {
        all.least = p[i].least < all.least ? p[i].least : all.least;
        all.largest = p[i].largest > all.largest ? p[i].largest : all.largest;
        all.finite = all.finite && p[i].finite;
    }
    return qn_x_quant_make(all.least, all.largest, all.finite);
}

static void quantise(void *arg, int64_t first, int64_t last, int worker) {
    (void)worker;
    const job *j = arg;
    for (int64_t i = first; i < last; i++) {
        const qn_x_quant q = j->pieces ? group_quant(j->pieces + i / j->per_group * j->per_group, j->per_group) : j->fixed;
        int64_t begin, end;
        bounds(j, i, &begin, &end);
        if (q.finite) {
            j->values(j->dtype, j->x, begin, end, &q, j->out);
            continue;
        }
        for (int64_t k = begin; k < end; k++)
            j->out[k] = NAN;
    }
}

static int64_t grain_of(int64_t n_group) { return 1 + GRAIN / (n_group < PIECE ? n_group : PIECE); }

/* A job over input 0, with the ranges of its pieces where codes are dynamic. */
static qn_status prepare(const qn_kernel_args *args, int64_t n_groups, int64_t n_group, job *j, qn_x_quant_mode *mode) {
    *j = kernels_of(args->ctx);
    j->dtype = args->in[0].dtype;
    j->x = args->in[0].data;
    j->n_group = n_group;
    j->per_group = n_group / PIECE + (n_group % PIECE != 0);
    QN_TRY(qn_x_quant_read(args, mode, &j->fixed));
    if (*mode != QN_X_QUANT_DYNAMIC)
        return QN_OK;
    QN_NEW_ARRAY(args->ctx, args->scratch, j->pieces, n_groups * j->per_group);
    qn_parallel_for(args->ctx, n_groups * j->per_group, grain_of(n_group), find_ranges, j);
    return QN_OK;
}

qn_status qn_x_quant_groups(const qn_kernel_args *args, int64_t n_groups, int64_t n_group, qn_x_quant *out) {
    qn_x_quant_mode mode;
    job j;
    QN_TRY(prepare(args, n_groups, n_group, &j, &mode));
    for (int64_t g = 0; g < n_groups; g++)
        out[g] = j.pieces ? group_quant(j.pieces + g * j.per_group, j.per_group) : j.fixed;
    return QN_OK;
}

qn_status qn_fake_quant_view(const qn_kernel_args *given, int32_t axis, qn_fake_quant *out) {
    const qn_tensor *x = &given->in[0];
    qn_x_quant_mode mode;
    qn_x_quant fixed;
    int64_t n_groups = 1, n_group = 1;
    out->args = *given;
    QN_TRY(qn_x_quant_read(given, &mode, &fixed));
    for (int32_t i = 0; i < x->rank; i++)
        *(i < axis ? &n_groups : &n_group) *= x->dims[i];
    if (mode == QN_X_QUANT_NONE || n_groups == 0 || n_group == 0)
        return QN_OK;
    job j;
    QN_TRY(prepare(given, n_groups, n_group, &j, &mode));
    QN_NEW_ARRAY(given->ctx, given->scratch, j.out, n_groups * n_group);
    qn_parallel_for(given->ctx, n_groups * j.per_group, grain_of(n_group), quantise, &j);
    memcpy(out->in, given->in, (size_t)given->n_in * sizeof *out->in);
    out->in[0].data = j.out;
    out->in[0].dtype = QN_F32;
    out->args.in = out->in;
    return QN_OK;
}
