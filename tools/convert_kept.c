/* What convert says of the nodes that stay in fp32. */
#include "tools/convert.h"

#include <math.h>
#include <string.h>

/* As many nodes of one reason have a line each; of more, the first few are named. */
enum { MAX_LINES = 4, MAX_NAMES = 3 };

/* "|x| reaches 70000 on calibration inputs, ..." is one reason whatever the number. */
static bool same_reason(const qn_convert_kept *a, const qn_convert_kept *b) {
    static const char number_ends[] = " on calibration inputs", reads[] = "|x| of what it reads";
    const size_t n = sizeof reads - 1;
    if (!a->calibrated || !b->calibrated)
        return strcmp(a->reason, b->reason) == 0;
    const char *x = strstr(a->reason, number_ends), *y = strstr(b->reason, number_ends);
    return x && y && strcmp(x, y) == 0 && (strncmp(a->reason, reads, n) == 0) == (strncmp(b->reason, reads, n) == 0);
}

/* The largest number of the group first. */
static void print_group(const qn_convert_report *r, int32_t first, int32_t count) {
    const qn_convert_kept *worst = &r->kept[first];
    for (int32_t i = first; i < r->n_kept; i++)
        if (same_reason(&r->kept[i], worst) && r->kept[i].max_abs > worst->max_abs)
            worst = &r->kept[i];
    printf("  %d nodes: %s\n    %s '%s'", count, worst->reason, worst->op, worst->node);
    int named = 1;
    for (int32_t i = first; i < r->n_kept && named < MAX_NAMES; i++)
        if (&r->kept[i] != worst && same_reason(&r->kept[i], worst)) {
            printf(", %s '%s'", r->kept[i].op, r->kept[i].node);
            named++;
        }
    printf(" and %d more\n", count - named);
}

void convert_kept_print(const qn_convert_report *r, bool all) {
    if (!r->n_kept)
        return;
    printf("kept in fp32: %d node%s\n", r->n_kept, r->n_kept > 1 ? "s" : "");
    for (int32_t i = 0; i < r->n_kept; i++) {
        bool told = false;
        int32_t count = 0;
        for (int32_t k = 0; k < r->n_kept; k++)
            if (same_reason(&r->kept[k], &r->kept[i])) {
                told = told || k < i;
                count++;
            }
        if (all || count <= MAX_LINES)
            printf("  %s '%s': %s\n", r->kept[i].op, r->kept[i].node, r->kept[i].reason);
        else if (!told)
            print_group(r, i, count);
    }
    printf("\n");
}

json_t *convert_kept_json(const qn_convert_report *r) {
    json_t *rows = json_array();
    for (int32_t i = 0; i < r->n_kept; i++) {
        const qn_convert_kept *k = &r->kept[i];
        json_t *row = json_pack("{s:s, s:s, s:s}", "node", k->node, "op", k->op, "reason", k->reason);
        json_object_set_new(row, "max_abs", isnan(k->max_abs) ? json_null() : json_real(k->max_abs));
        json_array_append_new(rows, row);
    }
    return rows;
}
