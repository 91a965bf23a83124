/* roofline [--json FILE] [--seconds S] [--isa X]: what this machine can do at most, on one core and on all of them, as
 * a Markdown table; and for other programs as JSON:
 *   {"rooflines": [{"threads", "peaks": [{"arithmetic", "flops_per_s", "isa", "native"}],
 *                   "memories": [{"name", "fits_bytes" (null: any), "bytes_per_s"}]}]} */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "quern.h"

static bool measure(int threads, const char *isa, double seconds, qn_roofline *out) {
    qn_context *ctx;
    qn_context_options options = {.threads = threads, .isa = isa};
    if (qn_context_create(&options, &ctx) != QN_OK) {
        fprintf(stderr, "roofline: --isa takes scalar, avx2, avx512, avx512vnni or avx512bf16\n");
        return false;
    }
    const bool done = qn_roofline_measure(ctx, seconds, out) == QN_OK;
    if (!done)
        fprintf(stderr, "roofline: %s\n", qn_context_message(ctx));
    qn_context_destroy(ctx);
    return done;
}

static void print_table(const qn_roofline *r, int n) {
    printf("| ");
    for (int i = 0; i < n; i++)
        printf("| %d thread%s ", r[i].threads, r[i].threads == 1 ? "" : "s");
    printf("| with |\n|---|");
    for (int i = 0; i < n; i++)
        printf("---:|");
    printf("---|\n");
    for (int p = 0; p < QN_N_PEAKS; p++) {
        printf("| %s, GFLOP/s ", qn_dtype_name(r[0].peak[p].arithmetic));
        for (int i = 0; i < n; i++)
            printf("| %.0f ", 1e-9 * r[i].peak[p].flops);
        printf("| %s%s |\n", r[0].peak[p].isa, r[0].peak[p].native ? "" : ", emulated");
    }
    for (int m = 0; m < QN_N_MEMORIES; m++) {
        printf("| reading %s, GB/s ", r[0].memory[m].name);
        for (int i = 0; i < n; i++)
            printf("| %.1f ", 1e-9 * r[i].memory[m].bytes);
        if (isfinite(r[n - 1].memory[m].fits))
            printf("| up to %.1f MB%s |\n", 1e-6 * r[0].memory[m].fits, m == 0 ? " a core" : "");
        else
            printf("| |\n");
    }
}

static bool write_json(const char *path, const qn_roofline *r, int n) {
    FILE *f = fopen(path, "w");
    if (!f)
        return false;
    fprintf(f, "{\"rooflines\": [");
    for (int i = 0; i < n; i++) {
        fprintf(f, "%s\n  {\"threads\": %d, \"peaks\": [", i ? "," : "", r[i].threads);
        for (int p = 0; p < QN_N_PEAKS; p++)
            fprintf(f, "%s{\"arithmetic\": \"%s\", \"flops_per_s\": %.4e, \"isa\": \"%s\", \"native\": %s}",
                    p ? ", " : "", qn_dtype_name(r[i].peak[p].arithmetic), r[i].peak[p].flops, r[i].peak[p].isa,
                    r[i].peak[p].native ? "true" : "false");
        fprintf(f, "],\n   \"memories\": [");
        for (int m = 0; m < QN_N_MEMORIES; m++) {
            fprintf(f, "%s{\"name\": \"%s\", \"fits_bytes\": ", m ? ", " : "", r[i].memory[m].name);
            if (isfinite(r[i].memory[m].fits))
                fprintf(f, "%.0f", r[i].memory[m].fits);
            else
                fprintf(f, "null");
            fprintf(f, ", \"bytes_per_s\": %.4e}", r[i].memory[m].bytes);
        }
        fprintf(f, "]}");
    }
    fprintf(f, "]}\n");
    return fclose(f) == 0;
}

int main(int argc, char **argv) {
    const char *json = NULL, *isa = NULL;
    double seconds = 3;
    for (int i = 1; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--json") == 0)
            json = argv[i + 1];
        else if (strcmp(argv[i], "--isa") == 0)
            isa = argv[i + 1];
        else if (strcmp(argv[i], "--seconds") == 0)
            seconds = atof(argv[i + 1]);
    }
    qn_roofline r[2];
    if (!measure(1, isa, seconds, &r[0]) || !measure(0, isa, seconds, &r[1]))
        return 1;
    const int n = r[1].threads > 1 ? 2 : 1;
    print_table(r, n);
    if (json && !write_json(json, r, n)) {
        fprintf(stderr, "roofline: cannot write %s\n", json);
        return 1;
    }
    return 0;
}
