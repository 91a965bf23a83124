/* The roofline of this machine: loops of peak.h, timed. */
#include "kernels/peak/peak.h"

#include "base/clock.h"
#include "base/pool.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum {
    FLOATS = 16 * QN_PEAK_CHAINS, /* a reader's step divides it */
    TASTES = QN_N_PEAKS + QN_N_MEMORIES,
    MIN_MEMORY = 64 << 20,
    MAX_MEMORY = 512 << 20,
    MAX_CACHES = 8,
    OTHER_L2 = 512 << 10, /* where the system does not say */
    OTHER_L3 = 8 << 20
};
/* One timed run: long beside the time a worker takes to wake (some 50 us), short enough for several. */
static const double g_slice = 2e-3, g_warm = 2e-2;

typedef struct job {
    const qn_peak_row *peak; /* or NULL: read */
    int64_t rounds;
    qn_read_fn read;
    const float *data;
    int64_t n;    /* floats for each thread */
    double *done; /* [threads]: operations, or bytes */
    float *sink;  /* [threads] */
} job;

static void run_piece(void *arg, int64_t begin, int64_t end, int worker) {
    job *j = arg;
    (void)worker;
    for (int64_t i = begin; i < end; i++) {
        j->done[i] = 0;
        if (j->peak) {
            j->done[i] = j->peak->run(j->rounds, &j->sink[i]);
            continue;
        }
        for (int64_t r = 0; r < j->rounds; r++) {
            j->sink[i] += j->read(j->data + i * j->n, j->n);
            j->done[i] += 4.0 * (double)j->n;
        }
    }
}

/* Operations or bytes a second of one run; *took is its time. */
static double run_once(qn_context *ctx, job *j, double *took) {
    const int threads = qn_context_threads(ctx);
    double total = 0, start = qn_clock_seconds();
    qn_parallel_for(ctx, threads, 1, run_piece, j);
    *took = qn_clock_seconds() - start;
    for (int i = 0; i < threads; i++)
        total += j->done[i];
    return *took > 0 ? total / *took : 0;
}

/* The best of the runs that fit `seconds`: enough rounds for a slice are found first. */
static double best_rate(qn_context *ctx, job *j, double seconds) {
    double took, best = 0, start = qn_clock_seconds();
    for (j->rounds = 1; run_once(ctx, j, &took) > 0 && took < g_slice && j->rounds < INT64_MAX / 4;)
        j->rounds *= took < g_slice / 8 ? 4 : 2;
    do {
        double rate = run_once(ctx, j, &took);
        best = rate > best ? rate : best;
    } while (qn_clock_seconds() - start < seconds);
    return best;
}

/* ---- memory ------------------------------------------------------------------------------------ */

/* The number at the head of a file of the first processor's cache `index`, times 1024 or 2^20 where K or M follows; -1
 * when there is none. */
static double cache_number(int index, const char *file) {
    char path[96], unit = 0;
    double n = -1;
    snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu0/cache/index%d/%s", index, file);
    FILE *f = fopen(path, "r");
    if (!f)
        return -1;
    if (fscanf(f, "%lf%c", &n, &unit) < 1)
        n = -1;
    fclose(f);
    return n * (unit == 'K' ? 1024 : unit == 'M' ? 1 << 20 : 1);
}

/* Bytes of the cache of that level. (What sysconf says of the third level is, on some virtual machines, the sum over
 * the whole host.) */
static double cache_bytes(int level, double otherwise) {
    for (int index = 0; index < MAX_CACHES; index++)
        if (cache_number(index, "level") == level)
            return cache_number(index, "size") > 0 ? cache_number(index, "size") : otherwise;
    return otherwise;
}

static void name_memories(int threads, qn_memory *out) {
    out[0] = (qn_memory){.name = "L2", .fits = threads * cache_bytes(2, OTHER_L2)};
    out[1] = (qn_memory){.name = "L3", .fits = cache_bytes(3, OTHER_L3)};
    out[2] = (qn_memory){.name = "memory", .fits = INFINITY};
    if (out[1].fits < out[0].fits)
        out[1].fits = out[0].fits;
}

/* Bytes read to measure a level: half of a cache, so that they stay in it; four times the last cache, so that they do
 * not. */
static size_t working_set(const qn_memory *memory, int level) {
    double n = level < QN_N_MEMORIES - 1 ? memory[level].fits / 2 : 4 * memory[level - 1].fits;
    if (level == QN_N_MEMORIES - 1 && n < MIN_MEMORY)
        n = MIN_MEMORY;
    return n > MAX_MEMORY ? MAX_MEMORY : (size_t)n;
}

static void touch_piece(void *arg, int64_t begin, int64_t end, int worker) {
    job *j = arg;
    union {
        const float *from;
        float *to;
    } data = {j->data};
    (void)worker;
    memset(data.to + begin * j->n, 0, (size_t)(end - begin) * (size_t)j->n * sizeof(float));
}

static qn_status measure_memories(qn_context *ctx, job *j, double seconds, qn_memory *out) {
    const int threads = qn_context_threads(ctx);
    const size_t n_bytes = working_set(out, QN_N_MEMORIES - 1);
    void *data = mmap(NULL, n_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (data == MAP_FAILED)
        return qn_fail_memory(ctx, n_bytes, "measuring the memory");
#if defined(MADV_HUGEPAGE)
    (void)madvise(data, n_bytes, MADV_HUGEPAGE);
#endif
    j->data = data;
    j->read = qn_peak_reader(ctx);
    qn_status status = QN_OK;
    for (int level = QN_N_MEMORIES - 1; level >= 0 && status == QN_OK; level--) {
        j->n = (int64_t)(working_set(out, level) / sizeof(float)) / threads / FLOATS * FLOATS;
        if (level == QN_N_MEMORIES - 1)
            qn_parallel_for(ctx, threads, 1, touch_piece, j);
        out[level].bytes = best_rate(ctx, j, seconds);
        status = qn_check_cancel(ctx);
    }
    munmap(data, n_bytes);
    return status;
}

/* ---- all of it ----------------------------------------------------------------------------------- */

static qn_status measure(qn_context *ctx, job *j, double seconds, qn_roofline *out) {
    static const qn_dtype arithmetics[QN_N_PEAKS] = {QN_F32, QN_BF16, QN_I8};
    j->peak = qn_peak_choose(ctx, QN_F32);
    (void)best_rate(ctx, j, g_warm); /* threads come to cores of their own */
    for (int i = 0; i < QN_N_PEAKS; i++) {
        j->peak = qn_peak_choose(ctx, arithmetics[i]);
        out->peak[i] = (qn_peak){.arithmetic = arithmetics[i], .isa = j->peak->name, .native = j->peak->native};
        out->peak[i].flops = best_rate(ctx, j, seconds / TASTES);
        QN_TRY(qn_check_cancel(ctx));
    }
    j->peak = NULL;
    return measure_memories(ctx, j, seconds / TASTES, out->memory);
}

qn_status qn_roofline_measure(qn_context *ctx, double seconds, qn_roofline *out) {
    const int threads = qn_context_threads(ctx);
    qn_clear(ctx);
    *out = (qn_roofline){.threads = threads};
    name_memories(threads, out->memory);
    job j = {.done = calloc((size_t)threads, sizeof(double)), .sink = calloc((size_t)threads, sizeof(float))};
    qn_status status = j.done && j.sink
                           ? measure(ctx, &j, seconds < 0.01 ? 0.01 : seconds, out)
                           : qn_fail_memory(ctx, (size_t)threads * sizeof(double), "measuring the machine");
    free(j.done);
    free(j.sink);
    return status;
}

double qn_roofline_bound(const qn_roofline *roofline, qn_dtype arithmetic, double flops, double bytes,
                         bool *by_memory) {
    double peak = 0, rate = 0;
    for (int i = QN_N_PEAKS - 1; i >= 0; i--) /* float32 for what has no peak of its own */
        if (roofline->peak[i].arithmetic == arithmetic || (i == 0 && peak == 0))
            peak = roofline->peak[i].flops;
    for (int i = QN_N_MEMORIES - 1; i >= 0; i--)
        if (bytes <= roofline->memory[i].fits)
            rate = roofline->memory[i].bytes;
    const double compute = peak > 0 ? flops / peak : 0, memory = rate > 0 ? bytes / rate : 0;
    if (by_memory)
        *by_memory = memory > compute;
    return memory > compute ? memory : compute;
}
