#include "base/context.h"

#include "base/pool.h"

#include <pthread.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LINE_BYTES = 1024, MESSAGE_BYTES = 1 << 20 };

struct qn_context {
    qn_context_options options;
    unsigned isa;
    int threads;
    qn_pool *pool;
    pthread_mutex_t lock; /* of message, has_message and the log */
    qn_warning_fn on_warning;
    void *on_warning_user;
    bool has_message;
    char message[MESSAGE_BYTES];
};

/* ---- instruction sets ---------------------------------------------------------------------- */

typedef struct isa_level {
    const char *name;
    unsigned allows;
} isa_level;

/* Each level allows what those of its architecture before it do, and of another architecture nothing. */
static const isa_level g_levels[] = {
    {"scalar", 0},
    {"avx2", QN_ISA_AVX2},
    {"avx512", QN_ISA_AVX2 | QN_ISA_AVX512},
    {"avx512vnni", QN_ISA_AVX2 | QN_ISA_AVX512 | QN_ISA_AVX512VNNI},
    {"avx512bf16", QN_ISA_AVX2 | QN_ISA_AVX512 | QN_ISA_AVX512VNNI | QN_ISA_AVX512BF16},
    {"neon", QN_ISA_NEON},
};

static const isa_level *find_level(const char *name) {
    for (size_t i = 0; i < sizeof g_levels / sizeof g_levels[0]; i++)
        if (strcmp(g_levels[i].name, name) == 0)
            return &g_levels[i];
    return NULL;
}

static unsigned machine_isa(void) {
    unsigned isa = 0;
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        isa |= QN_ISA_AVX2;
    if ((isa & QN_ISA_AVX2) && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl"))
        isa |= QN_ISA_AVX512;
    if ((isa & QN_ISA_AVX512) && __builtin_cpu_supports("avx512vnni"))
        isa |= QN_ISA_AVX512VNNI;
    if ((isa & QN_ISA_AVX512VNNI) && __builtin_cpu_supports("avx512bf16"))
        isa |= QN_ISA_AVX512BF16;
#elif defined(__aarch64__)
    isa |= QN_ISA_NEON;
#endif
    return isa;
}

/* ---- a context ------------------------------------------------------------------------------- */

static int usable_processors(void) {
    cpu_set_t set;
    CPU_ZERO(&set);
    int n = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
    return n < 1 ? 1 : n;
}

qn_status qn_context_create(const qn_context_options *options, qn_context **out) {
    *out = NULL;
    qn_context *ctx = calloc(1, sizeof *ctx);
    if (!ctx)
        return QN_SYSTEM;
    if (options)
        ctx->options = *options;
    ctx->isa = machine_isa();
    ctx->threads = ctx->options.threads > 0 ? ctx->options.threads : usable_processors();
    if (ctx->threads > 256)
        ctx->threads = 256;
    const char *masks[] = {ctx->options.isa, getenv("QUERN_ISA")};
    for (size_t i = 0; i < sizeof masks / sizeof masks[0]; i++) {
        if (!masks[i] || !masks[i][0])
            continue;
        const isa_level *level = find_level(masks[i]);
        if (!level) {
            free(ctx);
            return QN_USAGE;
        }
        ctx->isa &= level->allows;
    }
    pthread_mutex_init(&ctx->lock, NULL);
    ctx->pool = qn_pool_create(ctx->threads);
    if (!ctx->pool) {
        pthread_mutex_destroy(&ctx->lock);
        free(ctx);
        return QN_SYSTEM;
    }
    *out = ctx;
    return QN_OK;
}

void qn_context_destroy(qn_context *ctx) {
    if (!ctx)
        return;
    qn_pool_destroy(ctx->pool);
    pthread_mutex_destroy(&ctx->lock);
    free(ctx);
}

const char *qn_context_message(const qn_context *ctx) { return ctx->message; }

int qn_context_threads(const qn_context *ctx) { return ctx->threads; }

unsigned qn_context_isa(const qn_context *ctx) { return ctx->isa; }

qn_pool *qn_context_pool(const qn_context *ctx) { return ctx->pool; }

const char *qn_version(void) { return QN_VERSION; }

/* ---- messages ---------------------------------------------------------------------------------- */

static void one_line(char *s) {
    for (; *s; s++)
        if ((unsigned char)*s < 0x20 || *s == 0x7f)
            *s = '?';
}

static qn_status fail_at_most(qn_context *ctx, qn_status status, size_t most, const char *fmt, va_list args) {
    pthread_mutex_lock(&ctx->lock);
    if (!ctx->has_message) {
        vsnprintf(ctx->message, most, fmt, args);
        one_line(ctx->message);
        ctx->has_message = true;
    }
    pthread_mutex_unlock(&ctx->lock);
    return status;
}

qn_status qn_fail(qn_context *ctx, qn_status status, const char *fmt, ...) {
    va_list args;
    va_start(args, fmt);
    (void)fail_at_most(ctx, status, LINE_BYTES, fmt, args);
    va_end(args);
    return status;
}

qn_status qn_fail_list(qn_context *ctx, qn_status status, const char *fmt, ...) {
    va_list args;
    va_start(args, fmt);
    (void)fail_at_most(ctx, status, MESSAGE_BYTES, fmt, args);
    va_end(args);
    return status;
}

qn_status qn_fail_in(qn_context *ctx, qn_status status, const char *fmt, ...) {
    char prefix[LINE_BYTES / 2];
    va_list args;
    va_start(args, fmt);
    const int printed = vsnprintf(prefix, sizeof prefix - 2, fmt, args);
    va_end(args);
    if (printed < 0)
        return status;
    strcat(prefix, ": ");
    one_line(prefix);
    const size_t n = strlen(prefix);
    pthread_mutex_lock(&ctx->lock);
    const size_t most = strlen(ctx->message) < LINE_BYTES ? LINE_BYTES : MESSAGE_BYTES;
    memmove(ctx->message + n, ctx->message, MESSAGE_BYTES - n);
    memcpy(ctx->message, prefix, n);
    ctx->message[most - 1] = 0;
    ctx->has_message = true;
    pthread_mutex_unlock(&ctx->lock);
    return status;
}

qn_status qn_fail_memory(qn_context *ctx, size_t n_bytes, const char *what) {
    return qn_fail(ctx, QN_SYSTEM, "out of memory (%zu bytes for %s)", n_bytes, what);
}

void qn_clear(qn_context *ctx) {
    pthread_mutex_lock(&ctx->lock);
    ctx->has_message = false;
    ctx->message[0] = 0;
    pthread_mutex_unlock(&ctx->lock);
}

void qn_log(qn_context *ctx, qn_log_level level, const char *fmt, ...) {
    const bool warn = level == QN_LOG_WARN && ctx->on_warning;
    if (!ctx->options.log && !warn)
        return;
    char line[LINE_BYTES];
    va_list args;
    va_start(args, fmt);
    vsnprintf(line, sizeof line, fmt, args);
    va_end(args);
    one_line(line);
    pthread_mutex_lock(&ctx->lock);
    if (ctx->options.log)
        ctx->options.log(ctx->options.user, level, line);
    if (warn)
        ctx->on_warning(ctx->on_warning_user, line);
    pthread_mutex_unlock(&ctx->lock);
}

void qn_listen_warnings(qn_context *ctx, qn_warning_fn fn, void *user) {
    ctx->on_warning = fn;
    ctx->on_warning_user = user;
}

void qn_progress(qn_context *ctx, const char *what, uint64_t done, uint64_t total) {
    if (ctx->options.progress)
        ctx->options.progress(ctx->options.user, what, done, total);
}

qn_status qn_check_cancel(qn_context *ctx) {
    if (ctx->options.cancelled && ctx->options.cancelled(ctx->options.user))
        return qn_fail(ctx, QN_CANCELLED, "interrupted");
    return QN_OK;
}
