/* Weight schemes as text: NAME[:OPTION]... */
#include <string.h>

#include "quant/quant.h"

/** What may stand in a scheme's text. `here`: this version makes it. */
typedef struct word {
    const char *text;
    bool here;
} word;

static const word g_names[] = {
    {"int8", true},      {"uint8", false},    {"int4", false},     {"uint4", false},    {"palette1", false},
    {"palette2", false}, {"palette3", false}, {"palette4", false}, {"palette6", false}, {"palette8", false},
};
static const word g_options[] = {
    {"per_channel", true},    {"per_tensor", true}, {"symmetric", true}, {"block=", false},
    {"asymmetric", false},    {"kmeans", false},    {"uniform", false},  {"group=", false},
};

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

qn_status qn_scheme_parse(qn_context *ctx, const char *text, qn_scheme *out) {
    size_t n = strcspn(text, ":");
    const word *name = FIND(g_names, text, n), *missing = NULL;
    if (!name)
        return qn_fail(ctx, QN_USAGE, "'%s' is no weight scheme (int8, int8:per_channel, int8:per_tensor)", text);
    if (!name->here)
        missing = name;
    bool channel = false, tensor = false;
    for (const char *p = text + n; *p; p += n) {
        n = strcspn(++p, ":");
        const word *option = FIND(g_options, p, n);
        if (!option)
            return qn_fail(ctx, QN_USAGE, "weight scheme '%s' has an unknown option '%.*s'", text, (int)n, p);
        if (!option->here && !missing)
            missing = option;
        channel = channel || option == &g_options[0];
        tensor = tensor || option == &g_options[1];
    }
    if (missing)
        return qn_fail(ctx, QN_UNSUPPORTED, "weight scheme '%s': this version has no %s", text, missing->text);
    if (channel && tensor)
        return qn_fail(ctx, QN_USAGE, "weight scheme '%s' is per channel and per tensor", text);
    *out = (qn_scheme){.encoding = QN_ENC_AFFINE, .code_dtype = QN_I8, .symmetric = true, .per_channel = !tensor};
    return QN_OK;
}
