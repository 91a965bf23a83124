#include "tools/profile.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_ROWS = 16384, SLOWEST = 30 };

static double real(const json_t *row, const char *key) { return json_number_value(json_object_get(row, key)); }
static const char *text(const json_t *row, const char *key) { return json_string_value(json_object_get(row, key)); }

/* ---- as JSON -------------------------------------------------------------------------------------- */

json_t *profile_roofline(const qn_roofline *r) {
    json_t *peaks = json_array(), *memories = json_array();
    for (int i = 0; i < QN_N_PEAKS; i++)
        json_array_append_new(peaks, json_pack("{s:s, s:f, s:s, s:b}", "arithmetic",
                                               qn_dtype_name(r->peak[i].arithmetic), "flops_per_s", r->peak[i].flops,
                                               "isa", r->peak[i].isa, "native", r->peak[i].native));
    for (int i = 0; i < QN_N_MEMORIES; i++)
        json_array_append_new(memories, json_pack("{s:s, s:o, s:f}", "name", r->memory[i].name, "fits_bytes",
                                                  cli_json_real(r->memory[i].fits), "bytes_per_s", r->memory[i].bytes));
    return json_pack("{s:i, s:o, s:o}", "threads", r->threads, "peaks", peaks, "memories", memories);
}

static json_t *row_of(const qn_profile_info *p, int runs, const qn_roofline *roofline) {
    const double seconds = p->seconds / runs, flops = p->flops / runs, bytes = p->bytes / runs;
    bool by_memory;
    const double bound = qn_roofline_bound(roofline, p->arithmetic, flops, bytes, &by_memory);
    json_t *row =
        json_pack("{s:s, s:s, s:s, s:f, s:f, s:f, s:s, s:s, s:f}", "node", p->node, "op", p->op, "kernel", p->kernel,
                  "ms", 1e3 * seconds, "flops", flops, "bytes", bytes, "arithmetic", qn_dtype_name(p->arithmetic),
                  "bound", by_memory ? "memory" : "compute", "bound_ms", 1e3 * bound);
    json_object_set_new(row, "gflops_per_s", cli_json_real(1e-9 * flops / seconds));
    json_object_set_new(row, "gbytes_per_s", cli_json_real(1e-9 * bytes / seconds));
    json_object_set_new(row, "percent_of_bound", cli_json_real(100 * bound / seconds));
    return row;
}

json_t *profile_rows(const qn_runner *runner, int runs, const qn_roofline *roofline) {
    qn_profile_info *rows = calloc(MAX_ROWS, sizeof *rows);
    json_t *list = json_array();
    int n = rows ? qn_runner_profile(runner, rows, MAX_ROWS) : 0;
    for (int i = 0; i < n && i < MAX_ROWS; i++)
        json_array_append_new(list, row_of(&rows[i], runs, roofline));
    free(rows);
    return list;
}

/* ---- as text ------------------------------------------------------------------------------------------ */

typedef struct line {
    const char *op, *kernel, *arithmetic, *bound, *node;
    double ms, flops, bytes, bound_ms;
    int nodes;
} line;

static int slower_first(const void *a, const void *b) {
    double x = ((const line *)a)->ms, y = ((const line *)b)->ms;
    return x < y ? 1 : x > y ? -1 : 0;
}

static void add(line *to, const line *from) {
    to->ms += from->ms;
    to->flops += from->flops;
    to->bytes += from->bytes;
    to->bound_ms += from->bound_ms;
    to->nodes += from->nodes;
}

static void print_line(const line *l, double total_ms) {
    const double s = 1e-3 * l->ms;
    printf("    %9.3f %6.1f %9.1f %8.1f %7.0f", l->ms, total_ms > 0 ? 100 * l->ms / total_ms : 0,
           s > 0 ? 1e-9 * l->flops / s : 0, s > 0 ? 1e-9 * l->bytes / s : 0, s > 0 ? 100 * l->bound_ms / l->ms : 0);
}

/* Lines of one op, kernel and arithmetic become one; returns how many are left. */
static int sum_up(const line *lines, int n, line *sums) {
    int n_sums = 0;
    for (int i = 0; i < n; i++) {
        int at = 0;
        while (at < n_sums && (strcmp(sums[at].op, lines[i].op) != 0 || strcmp(sums[at].kernel, lines[i].kernel) != 0 ||
                               strcmp(sums[at].arithmetic, lines[i].arithmetic) != 0))
            at++;
        if (at < n_sums)
            add(&sums[at], &lines[i]);
        else
            sums[n_sums++] = lines[i];
    }
    return n_sums;
}

static void print_tables(line *lines, int n, line *sums) {
    static const char heads[] = "           ms      %   GFLOP/s     GB/s % bound";
    line total = {0};
    for (int i = 0; i < n; i++)
        add(&total, &lines[i]);
    qsort(lines, (size_t)n, sizeof *lines, slower_first);
    printf("%s  by       kernel           node\n", heads);
    for (int i = 0; i < n && i < SLOWEST; i++) {
        print_line(&lines[i], total.ms);
        printf("  %-8s %-16s %s\n", lines[i].bound, lines[i].kernel, lines[i].node);
    }
    printf("\n%s  nodes  products in  op and kernel\n", heads);
    const int n_sums = sum_up(lines, n, sums);
    qsort(sums, (size_t)n_sums, sizeof *sums, slower_first);
    for (int i = 0; i < n_sums; i++) {
        print_line(&sums[i], total.ms);
        printf("  %5d  %-11s  %s, %s\n", sums[i].nodes, sums[i].arithmetic, sums[i].op, sums[i].kernel);
    }
    print_line(&total, total.ms);
    printf("  %5d  %-11s  all\n", total.nodes, "");
}

static void print_roofline(const json_t *roofline) {
    size_t i;
    const json_t *row;
    printf("\n    bound: the machine with %d thread%s does", (int)real(roofline, "threads"),
           real(roofline, "threads") > 1 ? "s" : "");
    json_array_foreach(json_object_get(roofline, "peaks"), i, row)
        printf("%s %.0f GFLOP/s in %s", i ? "," : "", 1e-9 * real(row, "flops_per_s"), text(row, "arithmetic"));
    printf("; reads");
    json_array_foreach(json_object_get(roofline, "memories"), i, row)
        printf("%s %.0f GB/s from %s", i ? "," : "", 1e-9 * real(row, "bytes_per_s"), text(row, "name"));
    printf("\n");
}

void profile_print(const json_t *rows, const json_t *roofline) {
    const int n = (int)json_array_size(rows);
    line *lines = calloc((size_t)n + 1, sizeof *lines), *sums = calloc((size_t)n + 1, sizeof *sums);
    for (int i = 0; lines && i < n; i++) {
        const json_t *row = json_array_get(rows, (size_t)i);
        lines[i] = (line){.op = text(row, "op"),
                          .kernel = text(row, "kernel"),
                          .arithmetic = text(row, "arithmetic"),
                          .bound = text(row, "bound"),
                          .node = text(row, "node"),
                          .ms = real(row, "ms"),
                          .flops = real(row, "flops"),
                          .bytes = real(row, "bytes"),
                          .bound_ms = real(row, "bound_ms"),
                          .nodes = 1};
    }
    if (lines && sums) {
        print_tables(lines, n, sums);
        print_roofline(roofline);
    }
    free(lines);
    free(sums);
}
