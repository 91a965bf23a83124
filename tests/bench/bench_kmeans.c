/* Speed of k-means: bench_kmeans [threads] [FILE]. One line a case: numbers, kind, centres, seconds, error; normal numbers
 * of deviation 0.02. FILE gets the float32 numbers of the first groups, and the error of each group's palette is printed,
 * so that another program can be given the same. */
#include "base/half.h"
#include "base/pool.h"
#include "base/random.h"
#include "quant/kmeans.h"
#include "quant/vector_kmeans.h"
#include "quern.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { N = 2400000, GROUP = 6144, GROUPS = 15835, DISTINCT = N / GROUP, SHOWN = 8, MOST_THREADS = 256 };

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

typedef struct job {
    const float *values;
    qn_kmeans *scratch[MOST_THREADS];
    double errors[DISTINCT];
    bool failed;
} job;

/* Groups of a matrix of 97 million weights; the numbers of a few hundred groups go round. */
static void groups(void *arg, int64_t begin, int64_t end, int worker) {
    job *j = arg;
    for (int64_t g = begin; g < end; g++) {
        qn_kmeans_result r;
        float centres[16];
        if (!qn_kmeans_exact(j->scratch[worker], j->values + g % DISTINCT * GROUP, NULL, GROUP, 16, centres, &r))
            j->failed = true;
        if (g < DISTINCT)
            j->errors[g] = r.error;
    }
}

static int line(qn_kmeans *scratch, const char *kind, const float *values, int k) {
    float centres[256];
    qn_kmeans_result r = {0, 0};
    double best = 1e9;
    for (int turn = 0; turn < 5; turn++) {
        const double t = now();
        if (!qn_kmeans_exact(scratch, values, NULL, N, k, centres, &r))
            return 1;
        best = now() - t < best ? now() - t : best;
    }
    printf("exact %s %d %d %.6f %.9g\n", kind, N, k, best, r.error);
    return 0;
}

int main(int argc, char **argv) {
    const qn_context_options options = {.threads = argc > 1 ? atoi(argv[1]) : 0};
    float *values = malloc(N * sizeof *values), *halves = malloc(N * sizeof *halves), centres[256 * 4];
    job *j = calloc(1, sizeof *j);
    qn_context *ctx;
    uint64_t seed = 1;
    if (!values || !halves || !j || qn_context_create(&options, &ctx) != QN_OK)
        return 1;
    const int threads = qn_pool_threads(ctx);
    for (int i = 0; i < N; i++) {
        values[i] = (float)(0.02 * qn_random_normal(&seed));
        halves[i] = qn_f16_to_f32(qn_f32_to_f16(values[i]));
    }
    for (int t = 0; t < threads && t < MOST_THREADS; t++)
        if (!(j->scratch[t] = qn_kmeans_create()))
            return 1;
    if (line(j->scratch[0], "float16", halves, 16) || line(j->scratch[0], "float16", halves, 256) ||
        line(j->scratch[0], "float32", values, 16) || line(j->scratch[0], "float32", values, 256))
        return 1;
    j->values = values;
    double t = now();
    qn_parallel_for(ctx, GROUPS, 8, groups, j);
    t = now() - t;
    if (j->failed)
        return 1;
    printf("groups float32 %d 16 %.6f %d\n", GROUP, t, threads);
    for (int dim = 2; dim <= 4; dim += 2) {
        double error;
        t = now();
        if (qn_vector_kmeans(ctx, values, NULL, N / dim, dim, 256, 0, centres, NULL, &error) != QN_OK)
            return 1;
        printf("vectors %d %d 256 %.6f %.9g\n", dim, N / dim, now() - t, error);
    }
    FILE *f = argc > 2 ? fopen(argv[2], "wb") : NULL;
    if (argc > 2 && (!f || fwrite(values, sizeof *values, SHOWN * GROUP, f) != SHOWN * GROUP || fclose(f) != 0))
        return 1;
    for (int g = 0; g < SHOWN; g++)
        printf("group %d %.9g\n", g, j->errors[g]);
    for (int i = 0; i < threads && i < MOST_THREADS; i++)
        qn_kmeans_destroy(j->scratch[i]);
    qn_context_destroy(ctx);
    free(values);
    free(halves);
    free(j);
    return 0;
}
