/* What every command shares while it runs: context, log, progress, interruption, JSON. */
#include "tools/cli.h"

#include "base/clock.h"
#include "base/map.h"

#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int g_verbosity; /* -1 quiet, 0, 1, 2 */
static volatile sig_atomic_t g_interrupted;

double cli_now(void) { return qn_clock_seconds(); }

/* ---- log and progress ------------------------------------------------------------------------- */

static struct {
    bool drawn;
    const char *what;
    double start, last;
} g_bar;

void cli_progress_end(void) {
    if (g_bar.drawn)
        fputs("\r\033[K", stderr);
    g_bar.drawn = false;
    g_bar.what = NULL;
}

static void log_line(void *user, qn_log_level level, const char *line) {
    (void)user;
    if ((int)level > g_verbosity)
        return;
    if (g_bar.drawn)
        fputs("\r\033[K", stderr);
    g_bar.drawn = false;
    fprintf(stderr, "%s%s\n", level == QN_LOG_WARN ? "warning: " : "", line);
}

/* Nothing for the first second; then a bar, redrawn ten times a second. */
static void draw_progress(void *user, const char *what, uint64_t done, uint64_t total) {
    (void)user;
    double now = cli_now();
    char rate[32], size[32];
    if (!g_bar.what || strcmp(g_bar.what, what) != 0) {
        cli_progress_end();
        g_bar.what = what;
        g_bar.start = g_bar.last = now;
    }
    double spent = now - g_bar.start;
    if (g_verbosity < 0 || spent < 1 || now - g_bar.last < 0.1 || !isatty(STDERR_FILENO))
        return;
    g_bar.last = now;
    g_bar.drawn = true;
    double speed = (double)done / spent;
    fprintf(stderr, "\r\033[K%s ", what);
    if (total) {
        int filled = (int)(24 * done / total);
        fputc('[', stderr);
        for (int i = 0; i < 24; i++)
            fputc(i < filled ? '#' : '.', stderr);
        fprintf(stderr, "] %3d %% ", (int)(100 * done / total));
    }
    fprintf(stderr, "%s, %s/s", cli_bytes_text((double)done, size), cli_bytes_text(speed, rate));
    if (total && speed > 0)
        fprintf(stderr, ", %.0f s left", (double)(total - done) / speed);
    fflush(stderr);
}

/* ---- interruption -------------------------------------------------------------------------------- */

static void on_signal(int number) {
    if (g_interrupted) { /* a second time: at once */
        qn_outfile_unlink_all();
        _exit(128 + number);
    }
    g_interrupted = 1;
}

static bool is_cancelled(void *user) {
    (void)user;
    return g_interrupted != 0;
}

/* ---- context -------------------------------------------------------------------------------------- */

qn_context *cli_context(const cli_args *args) {
    long threads = 0;
    if (!cli_int(args, "threads", 1, 256, &threads))
        return NULL;
    g_verbosity = cli_flag(args, "quiet") ? -1 : cli_count(args, "verbose");
    struct sigaction action = {.sa_handler = on_signal};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGHUP, &action, NULL);
    qn_context_options options = {.threads = (int)threads, .log = log_line, .progress = draw_progress,
                                  .cancelled = is_cancelled};
    qn_context *ctx = NULL;
    qn_status status = qn_context_create(&options, &ctx);
    if (status == QN_USAGE)
        cli_usage("QUERN_ISA must be scalar, avx2, avx512, avx512vnni, avx512bf16 or neon");
    else if (status != QN_OK)
        cli_usage("out of memory");
    return ctx;
}

int cli_fail(const qn_context *ctx, qn_status status) {
    cli_progress_end();
    fprintf(stderr, "quern: %s\n", qn_context_message(ctx));
    return (int)status;
}

/* ---- JSON and text ------------------------------------------------------------------------------- */

int cli_print_json(json_t *value) {
    if (!value || json_dumpf(value, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(17)) != 0 || putchar('\n') == EOF) {
        json_decref(value);
        fputs("quern: cannot write the JSON\n", stderr);
        return QN_SYSTEM;
    }
    json_decref(value);
    return QN_OK;
}

json_t *cli_json_real(double v) { return isfinite(v) ? json_real(v) : json_null(); }

json_t *cli_json_shape(const qn_tensor *t) {
    json_t *shape = json_array();
    for (int32_t i = 0; i < t->rank; i++)
        json_array_append_new(shape, json_integer(t->dims[i]));
    return shape;
}

json_t *cli_json_ports(const qn_model *model, bool outputs) {
    json_t *list = json_array();
    int32_t n = outputs ? qn_model_n_outputs(model) : qn_model_n_inputs(model);
    for (int32_t i = 0; i < n; i++) {
        qn_port_info port = outputs ? qn_model_output(model, i) : qn_model_input(model, i);
        json_t *row = json_object(), *shape = port.rank < 0 ? json_null() : json_array();
        for (int32_t k = 0; k < port.rank; k++)
            json_array_append_new(shape, port.dims[k] >= 0 ? json_integer(port.dims[k]) : json_string(port.dim_text[k]));
        json_object_set_new(row, "name", json_string(port.name));
        json_object_set_new(row, "dtype", json_string(qn_dtype_name(port.dtype)));
        json_object_set_new(row, "shape", shape);
        json_array_append_new(list, row);
    }
    return list;
}

const char *cli_bytes_text(double n, char text[32]) {
    static const char *const units[] = {"B", "kB", "MB", "GB", "TB"};
    int u = 0;
    while (fabs(n) >= 1000 && u < 4) {
        n /= 1000;
        u++;
    }
    snprintf(text, 32, u == 0 ? "%.0f %s" : n < 10 ? "%.2f %s" : n < 100 ? "%.1f %s" : "%.0f %s", n, units[u]);
    return text;
}
