#include "read/npy_header.h"

#include <string.h>

#include "base/checked.h"
#include "base/dtype.h"

/* The dictionary's text and where the parser is in it. */
typedef struct text {
    qn_context *ctx;
    const char *name;
    const char *at, *end;
} text;

static qn_status fail(const text *t, const char *what) {
    return qn_fail(t->ctx, QN_MALFORMED, "%s: npy header: %s", t->name, what);
}

static void skip_space(text *t) {
    while (t->at < t->end && (*t->at == ' ' || *t->at == '\n' || *t->at == '\t' || *t->at == '\r'))
        t->at++;
}

static bool accept(text *t, char c) {
    skip_space(t);
    if (t->at < t->end && *t->at == c) {
        t->at++;
        return true;
    }
    return false;
}

static bool accept_word(text *t, const char *word) {
    skip_space(t);
    size_t n = strlen(word);
    if ((size_t)(t->end - t->at) < n || memcmp(t->at, word, n) != 0)
        return false;
    t->at += n;
    return true;
}

/* 'text' or "text" without escapes, into out[cap]. */
static qn_status parse_string(text *t, char *out, size_t cap) {
    skip_space(t);
    char quote = t->at < t->end ? *t->at : 0;
    if (quote != '\'' && quote != '"')
        return fail(t, "a string is missing");
    const char *begin = ++t->at;
    while (t->at < t->end && *t->at != quote && *t->at != '\\' && *t->at != 0)
        t->at++;
    size_t n = (size_t)(t->at - begin);
    if (t->at == t->end || *t->at != quote || n >= cap)
        return fail(t, "a string does not end, or is too long");
    memcpy(out, begin, n);
    out[n] = 0;
    t->at++;
    return QN_OK;
}

static qn_status parse_descr(text *t, qn_npy_header *out) {
    char descr[32];
    skip_space(t);
    if (t->at < t->end && *t->at == '[')
        return qn_fail(t->ctx, QN_UNSUPPORTED, "%s: npy elements are records", t->name);
    QN_TRY(parse_string(t, descr, sizeof descr));
    const char *type = descr;
    bool ordered = *type && strchr("<>|=", *type);
    out->big_endian = *type == '>';
    type += ordered ? 1 : 0;
    for (int code = 1; code < 32; code++) {
        const qn_dtype_info *row = qn_dtype_row((qn_dtype)code);
        if (!row || !*row->npy || strcmp(row->npy, type) != 0)
            continue;
        if (row->bits > 8 && descr[0] == '|')
            return fail(t, "no byte order");
        out->tensor.dtype = (qn_dtype)code;
        return QN_OK;
    }
    return qn_fail(t->ctx, QN_UNSUPPORTED, "%s: npy element type '%s'", t->name, descr);
}

static qn_status parse_dim(text *t, int64_t *out) {
    int64_t v = 0;
    skip_space(t);
    const char *begin = t->at;
    for (; t->at < t->end && *t->at >= '0' && *t->at <= '9'; t->at++)
        if (!qn_mul_i64(v, 10, &v) || !qn_add_i64(v, *t->at - '0', &v))
            return fail(t, "a dimension does not fit 64 bits");
    if (t->at == begin)
        return fail(t, "a dimension is no number");
    if (t->at < t->end && *t->at == 'L') /* written by Python 2 */
        t->at++;
    *out = v;
    return QN_OK;
}

static qn_status parse_shape(text *t, qn_tensor *out) {
    if (!accept(t, '('))
        return fail(t, "the shape is not a tuple");
    while (!accept(t, ')')) {
        int64_t dim = 0;
        QN_TRY(parse_dim(t, &dim));
        if (out->rank == QN_MAX_RANK)
            return qn_fail(t->ctx, QN_UNSUPPORTED, "%s: more than %d dimensions", t->name, QN_MAX_RANK);
        out->dims[out->rank++] = dim;
        if (accept(t, ','))
            continue;
        if (out->rank == 1 || !accept(t, ')'))
            return fail(t, "the shape is not a tuple");
        break;
    }
    return QN_OK;
}

static qn_status parse_dict(text *t, qn_npy_header *out) {
    bool descr = false, order = false, shape = false;
    if (!accept(t, '{'))
        return fail(t, "not a dictionary");
    while (!accept(t, '}')) {
        char key[16];
        QN_TRY(parse_string(t, key, sizeof key));
        if (!accept(t, ':'))
            return fail(t, "a ':' is missing");
        if (strcmp(key, "descr") == 0 && !descr) {
            descr = true;
            QN_TRY(parse_descr(t, out));
        } else if (strcmp(key, "fortran_order") == 0 && !order) {
            order = true;
            out->fortran_order = accept_word(t, "True");
            if (!out->fortran_order && !accept_word(t, "False"))
                return fail(t, "fortran_order is not True or False");
        } else if (strcmp(key, "shape") == 0 && !shape) {
            shape = true;
            QN_TRY(parse_shape(t, &out->tensor));
        } else {
            return fail(t, "an unknown or repeated key");
        }
        if (accept(t, ','))
            continue;
        if (!accept(t, '}'))
            return fail(t, "a ',' or '}' is missing");
        break;
    }
    skip_space(t);
    if (t->at != t->end)
        return fail(t, "text after the dictionary");
    return descr && order && shape ? QN_OK : fail(t, "descr, fortran_order or shape is missing");
}

qn_status qn_npy_parse_header(qn_context *ctx, const char *name, const void *data, size_t n_bytes,
                              qn_npy_header *out) {
    const uint8_t *p = data;
    *out = (qn_npy_header){.fortran_order = false};
    if (n_bytes < QN_NPY_PREFIX || memcmp(p, "\x93NUMPY", 6) != 0)
        return qn_fail(ctx, QN_MALFORMED, "%s: not an npy file", name);
    if (p[6] < 1 || p[6] > 3 || p[7] != 0)
        return qn_fail(ctx, QN_UNSUPPORTED, "%s: npy version %d.%d", name, p[6], p[7]);
    /* Version 1: two bytes of length; 2 and 3: four. */
    size_t prefix = p[6] == 1 ? QN_NPY_PREFIX : QN_NPY_PREFIX + 2, length = 0;
    if (n_bytes < prefix)
        return qn_fail(ctx, QN_MALFORMED, "%s: npy header: cut short", name);
    for (size_t i = prefix; i-- > 8;)
        length = length << 8 | p[i];
    if (length > n_bytes - prefix)
        return qn_fail(ctx, QN_MALFORMED, "%s: npy header: cut short", name);
    out->n_bytes = prefix + length;
    text t = {ctx, name, (const char *)p + prefix, (const char *)p + prefix + length};
    QN_TRY(parse_dict(&t, out));
    int64_t n_elems;
    if (!qn_count_elems(out->tensor.dims, out->tensor.rank, &n_elems) ||
        !qn_mul_size((size_t)n_elems, qn_dtype_bytes(out->tensor.dtype), &out->tensor.n_bytes))
        return fail(&t, "the product of the dimensions does not fit 64 bits");
    return QN_OK;
}
