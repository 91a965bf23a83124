/* Weight schemes as text: NAME[:OPTION]... */
#include <stdlib.h>
#include <string.h>

#include "quant/quant.h"

/** What may stand in a scheme's text. `here`: this version makes it. */
typedef struct word {
    const char *text;
    bool here;
} word;

static const word g_names[] = {
    {"int8", true},      {"uint8", true},     {"int4", true},      {"uint4", true},     {"palette1", false},
    {"palette2", false}, {"palette3", false}, {"palette4", false}, {"palette6", false}, {"palette8", false},
};
enum { PER_CHANNEL, PER_TENSOR, BLOCK, SYMMETRIC, ASYMMETRIC, N_OPTIONS = 8 };
static const word g_options[N_OPTIONS] = {
    [PER_CHANNEL] = {"per_channel", true}, [PER_TENSOR] = {"per_tensor", true}, [BLOCK] = {"block=", true},
    [SYMMETRIC] = {"symmetric", true},     [ASYMMETRIC] = {"asymmetric", true}, {"kmeans", false},
    {"uniform", false},                    {"group=", false},
};
/** What the names of affine schemes stand for. */
static const struct {
    const char *name;
    qn_dtype code_dtype;
    bool symmetric;
    int64_t block;
} g_affine[] = {
    {"int8", QN_I8, true, 0}, {"uint8", QN_U8, false, 0}, {"int4", QN_I4, true, 32}, {"uint4", QN_U4, false, 32},
};
enum { MIN_BLOCK = 16, MAX_BLOCK = 256, BLOCK_STEP = 16 };

/** The row for text[0..n): equal, or for a row that ends in '=' a prefix with digits after it. */
static const word *find(const word *rows, size_t n_rows, const char *text, size_t n) {
    for (size_t i = 0; i < n_rows; i++) {
        size_t len = strlen(rows[i].text);
        bool number = rows[i].text[len - 1] == '=';
        if (strncmp(rows[i].text, text, number && n > len ? len : n) != 0 || (number ? n <= len : n != len))
            continue;
        if (!number || strspn(text + len, "0123456789") >= n - len)
            return &rows[i];
    }
    return NULL;
}
#define FIND(rows, text, n) find(rows, sizeof rows / sizeof rows[0], text, n)

/** The options of an affine scheme, `given` by their rows, over what its name says. */
static qn_status affine_scheme(qn_context *ctx, const char *text, const bool *given, int64_t block, qn_scheme *out) {
    const size_t n = strcspn(text, ":");
    const bool is_unsigned = text[0] == 'u';
    if (given[PER_CHANNEL] + given[PER_TENSOR] + given[BLOCK] > 1)
        return qn_fail(ctx, QN_USAGE, "weight scheme '%s' is per channel, per tensor or in blocks: one of them", text);
    if (given[SYMMETRIC] && (given[ASYMMETRIC] || is_unsigned))
        return qn_fail(ctx, QN_USAGE, "weight scheme '%s' is symmetric and asymmetric%s", text,
                       is_unsigned ? ", as unsigned codes are" : "");
    if (given[BLOCK] && (block < MIN_BLOCK || block > MAX_BLOCK || block % BLOCK_STEP != 0))
        return qn_fail(ctx, QN_USAGE, "weight scheme '%s': a block is a multiple of %d from %d to %d", text, BLOCK_STEP,
                       MIN_BLOCK, MAX_BLOCK);
    for (size_t i = 0; i < sizeof g_affine / sizeof g_affine[0]; i++)
        if (strlen(g_affine[i].name) == n && strncmp(g_affine[i].name, text, n) == 0) {
            out->encoding = QN_ENC_AFFINE;
            out->code_dtype = g_affine[i].code_dtype;
            out->symmetric = g_affine[i].symmetric && !given[ASYMMETRIC];
            out->block = given[BLOCK] ? block : given[PER_CHANNEL] || given[PER_TENSOR] ? 0 : g_affine[i].block;
        }
    out->per_channel = !given[PER_TENSOR] && out->block == 0;
    out->scale_dtype = out->block > 0 ? QN_F16 : QN_F32;
    return QN_OK;
}

qn_status qn_scheme_parse(qn_context *ctx, const char *text, qn_scheme *out) {
    size_t n = strcspn(text, ":");
    const word *name = FIND(g_names, text, n), *missing = NULL;
    bool given[N_OPTIONS] = {false};
    int64_t block = 0;
    *out = (qn_scheme){.encoding = QN_ENC_DENSE};
    if (!name)
        return qn_fail(ctx, QN_USAGE, "'%s' is no weight scheme (int8, uint8, int4, uint4, and :per_channel, :per_tensor, "
                                      ":block=32, :asymmetric)", text);
    if (!name->here)
        missing = name;
    for (const char *p = text + n; *p; p += n) {
        n = strcspn(++p, ":");
        const word *option = FIND(g_options, p, n);
        if (!option)
            return qn_fail(ctx, QN_USAGE, "weight scheme '%s' has an unknown option '%.*s'", text, (int)n, p);
        if (!option->here && !missing)
            missing = option;
        given[option - g_options] = true;
        if (option == &g_options[BLOCK])
            block = strtoll(p + strlen(option->text), NULL, 10);
    }
    if (missing)
        return qn_fail(ctx, QN_UNSUPPORTED, "weight scheme '%s': this version has no %s", text, missing->text);
    return affine_scheme(ctx, text, given, block, out);
}
