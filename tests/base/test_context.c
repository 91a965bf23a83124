/* Contexts: messages, callbacks, instruction sets, threads. */
#include <stdio.h>
#include <stdlib.h>

#include "base/context.h"
#include "base/pool.h"
#include "tests/test.h"

QN_TEST(base_context_first_failure_wins) {
    qn_context *ctx = qn_test_context();
    assert_string_equal(qn_context_message(ctx), "");
    assert_int_equal(qn_fail(ctx, QN_MALFORMED, "tensor '%s': %d scales for %d channels", "w", 3, 4), QN_MALFORMED);
    assert_int_equal(qn_fail(ctx, QN_SYSTEM, "a later one"), QN_SYSTEM);
    assert_string_equal(qn_context_message(ctx), "tensor 'w': 3 scales for 4 channels");
    assert_int_equal(qn_fail_in(ctx, QN_MALFORMED, "%s", "model.onnx"), QN_MALFORMED);
    assert_string_equal(qn_context_message(ctx), "model.onnx: tensor 'w': 3 scales for 4 channels");
    qn_clear(ctx);
    assert_string_equal(qn_context_message(ctx), "");
    assert_int_equal(qn_fail_memory(ctx, 12, "a tensor"), QN_SYSTEM);
    assert_string_equal(qn_context_message(ctx), "out of memory (12 bytes for a tensor)");
    qn_context_destroy(ctx);
}

/* Names come from files: a message is one line of at most 1 KiB whatever they hold. */
QN_TEST(base_context_message_is_one_short_line) {
    qn_context *ctx = qn_test_context();
    static char name[5000];
    memset(name, 'n', sizeof name - 1);
    memcpy(name, "a\nb\x1b[2J\x7f", 9);
    name[8] = 'c';
    assert_int_equal(qn_fail(ctx, QN_MALFORMED, "%s", name), QN_MALFORMED);
    assert_true(strncmp(qn_context_message(ctx), "a?b?[2J?", 8) == 0);
    assert_int_equal(strlen(qn_context_message(ctx)), 1023);
    assert_int_equal(qn_fail_in(ctx, QN_MALFORMED, "%s", name), QN_MALFORMED);
    assert_true(strlen(qn_context_message(ctx)) <= 1023);
    assert_null(strchr(qn_context_message(ctx), '\n'));
    qn_context_destroy(ctx);
}

/* A list of what is wrong may be longer, and stays whole behind a prefix. */
QN_TEST(base_context_message_of_a_list) {
    qn_context *ctx = qn_test_context();
    static char names[1100000];
    memset(names, 'n', sizeof names - 1);
    memcpy(names, "a\nb", 3);
    assert_int_equal(qn_fail_list(ctx, QN_MALFORMED, "%.5000s", names), QN_MALFORMED);
    assert_int_equal(strlen(qn_context_message(ctx)), 5000);
    assert_int_equal(qn_fail_in(ctx, QN_MALFORMED, "%s", "folder"), QN_MALFORMED);
    assert_int_equal(strlen(qn_context_message(ctx)), 5008);
    assert_true(strncmp(qn_context_message(ctx), "folder: a?bn", 12) == 0);
    qn_clear(ctx);
    assert_int_equal(qn_fail_list(ctx, QN_MALFORMED, "%s", names), QN_MALFORMED);
    assert_int_equal(strlen(qn_context_message(ctx)), 1048575);
    assert_int_equal(qn_fail_in(ctx, QN_MALFORMED, "%s", "folder"), QN_MALFORMED);
    assert_int_equal(strlen(qn_context_message(ctx)), 1048575);
    qn_context_destroy(ctx);
}

/* One of many workers' messages is kept, whole. */
static void fail_piece(void *ctx, int64_t begin, int64_t end, int worker) {
    (void)end, (void)worker;
    (void)!qn_fail(ctx, QN_MALFORMED, "piece %lld of a loop", (long long)begin);
}

QN_TEST(base_context_failures_from_workers) {
    qn_context *ctx = NULL;
    const qn_context_options options = {.threads = 4};
    assert_int_equal(qn_context_create(&options, &ctx), QN_OK);
    qn_parallel_for(ctx, 1000, 1, fail_piece, ctx);
    long long piece = -1;
    char rest[32];
    assert_int_equal(sscanf(qn_context_message(ctx), "piece %lld of a %31s", &piece, rest), 2);
    assert_true(piece >= 0 && piece < 1000);
    assert_string_equal(rest, "loop");
    qn_context_destroy(ctx);
}

typedef struct heard {
    int n_log, n_progress, n_warnings;
    qn_log_level level;
    char line[64];
    uint64_t done, total;
    bool cancel;
} heard;

static void on_log(void *user, qn_log_level level, const char *line) {
    heard *h = user;
    h->n_log++;
    h->level = level;
    snprintf(h->line, sizeof h->line, "%s", line);
}

static void on_progress(void *user, const char *what, uint64_t done, uint64_t total) {
    heard *h = user;
    assert_string_equal(what, "fill");
    h->n_progress++;
    h->done = done;
    h->total = total;
}

static bool on_cancel(void *user) { return ((heard *)user)->cancel; }
static void on_warning(void *user, const char *line) {
    ((heard *)user)->n_warnings++;
    assert_string_equal(line, "constant 'w' is clamped");
}

QN_TEST(base_context_callbacks) {
    heard h = {0}, listener = {0};
    qn_context *ctx = NULL;
    const qn_context_options options = {.threads = 1, .user = &h, .log = on_log, .progress = on_progress,
                                        .cancelled = on_cancel};
    assert_int_equal(qn_context_create(&options, &ctx), QN_OK);
    qn_log(ctx, QN_LOG_INFO, "%d nodes\n", 3);
    assert_true(h.n_log == 1 && h.level == QN_LOG_INFO);
    assert_string_equal(h.line, "3 nodes?");
    qn_progress(ctx, "fill", 5, 10);
    assert_true(h.n_progress == 1 && h.done == 5 && h.total == 10);
    qn_listen_warnings(ctx, on_warning, &listener);
    qn_log(ctx, QN_LOG_WARN, "constant '%s' is clamped", "w");
    qn_log(ctx, QN_LOG_DEBUG, "not a warning");
    qn_listen_warnings(ctx, NULL, NULL);
    qn_log(ctx, QN_LOG_WARN, "unheard by the listener");
    assert_int_equal(listener.n_warnings, 1);
    assert_int_equal(h.n_log, 4);
    ASSERT_OK(ctx, qn_check_cancel(ctx));
    h.cancel = true;
    ASSERT_FAILS(ctx, QN_CANCELLED, "interrupted", qn_check_cancel(ctx));
    qn_context_destroy(ctx);
}

/* Without callbacks nothing happens. */
QN_TEST(base_context_is_quiet) {
    qn_context *ctx = qn_test_context();
    qn_log(ctx, QN_LOG_WARN, "nobody hears this");
    qn_progress(ctx, "nothing", 1, 2);
    ASSERT_OK(ctx, qn_check_cancel(ctx));
    qn_context_destroy(ctx);
    qn_context_destroy(NULL);
}

static unsigned isa_with(const char *option, const char *environment) {
    qn_context *ctx = NULL;
    const qn_context_options options = {.threads = 1, .isa = option};
    const char *before = getenv("QUERN_ISA");
    char *kept = before ? strdup(before) : NULL;
    if (environment)
        setenv("QUERN_ISA", environment, 1);
    else
        unsetenv("QUERN_ISA");
    const qn_status status = qn_context_create(&options, &ctx);
    if (kept)
        setenv("QUERN_ISA", kept, 1);
    else
        unsetenv("QUERN_ISA");
    free(kept);
    const unsigned isa = status == QN_OK ? qn_context_isa(ctx) : 0xffff;
    qn_context_destroy(ctx);
    return isa;
}

/* Options and QUERN_ISA only take away. */
QN_TEST(base_context_isa_masks) {
    static const char *const levels[] = {"scalar", "avx2", "avx512", "avx512vnni", "avx512bf16"};
    const unsigned arm = isa_with("neon", NULL);
    const unsigned machine = isa_with(NULL, NULL);
    unsigned below = 0;
    assert_int_equal(isa_with("scalar", NULL), QN_ISA_SCALAR);
    assert_int_equal(isa_with(NULL, "scalar"), QN_ISA_SCALAR);
    for (size_t i = 0; i < sizeof levels / sizeof levels[0]; i++) {
        const unsigned isa = isa_with(levels[i], NULL);
        assert_int_equal(isa & ~machine, 0);
        assert_int_equal(below & ~isa, 0);
        assert_int_equal(isa_with(NULL, levels[i]), isa);
        assert_int_equal(isa_with(levels[i], "avx2"), isa & QN_ISA_AVX2);
        below = isa;
    }
    assert_int_equal(below | arm, machine);
    assert_int_equal(below & arm, 0);
    assert_int_equal(arm & ~(unsigned)QN_ISA_NEON, 0);
    assert_int_equal(isa_with("neon", "neon"), arm);
    assert_int_equal(isa_with("neon", "avx2"), QN_ISA_SCALAR); /* of two architectures */
    assert_int_equal(isa_with("", ""), machine);
    assert_int_equal(isa_with("sse9", NULL), 0xffff);
    assert_int_equal(isa_with(NULL, "sse9"), 0xffff);
}

QN_TEST(base_context_threads) {
    static const int wishes[] = {1, 3, 256};
    qn_context *ctx = qn_test_context();
    assert_true(qn_context_threads(ctx) >= 1 && qn_context_threads(ctx) == qn_pool_threads(ctx));
    qn_context_destroy(ctx);
    for (size_t i = 0; i < sizeof wishes / sizeof wishes[0]; i++) {
        const qn_context_options options = {.threads = wishes[i]};
        assert_int_equal(qn_context_create(&options, &ctx), QN_OK);
        assert_int_equal(qn_context_threads(ctx), wishes[i]);
        qn_context_destroy(ctx);
    }
}
