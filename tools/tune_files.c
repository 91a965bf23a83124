/* What a search leaves: a recipe and a picture. */
#include "tools/tune.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/map.h"

static qn_status write_text(qn_context *ctx, const char *path, const qn_buf *text) {
    qn_outfile *file;
    qn_status status = qn_buf_check(ctx, text);
    if (status == QN_OK)
        status = qn_outfile_create(ctx, path, &file);
    if (status != QN_OK)
        return status;
    status = qn_outfile_write(ctx, file, 0, text->data, text->n);
    if (status == QN_OK)
        return qn_outfile_commit(ctx, file);
    qn_outfile_destroy(file);
    return status;
}

/* ---- the recipe ---------------------------------------------------------------------------------------------------- */

/* A double-quoted YAML scalar. */
static void put_yaml(qn_buf *out, const char *text) {
    qn_buf_puts(out, "\"");
    for (; *text; text++) {
        const unsigned char c = (unsigned char)*text;
        if (c == '"' || c == '\\')
            qn_buf_printf(out, "\\%c", c);
        else if (c < 0x20 || c == 0x7f)
            qn_buf_printf(out, "\\x%02x", c);
        else
            qn_buf_append(out, text, 1);
    }
    qn_buf_puts(out, "\"");
}

static const char *precision_of(qn_dtype dtype) {
    return dtype == QN_F16 ? "fp16" : dtype == QN_BF16 ? "bf16" : "fp32";
}

qn_status tune_write_recipe(qn_context *ctx, const char *path, const qn_tune_report *report, const qn_tune_options *options,
                            const char *about) {
    qn_buf out = QN_BUF_INIT;
    qn_buf_puts(&out, "description: ");
    put_yaml(&out, about);
    qn_buf_printf(&out, "\nprecision: %s\n", precision_of(options->precision));
    if (options->min_compress_elems)
        qn_buf_printf(&out, "min_elements: %lld\n", (long long)options->min_compress_elems);
    for (int32_t i = 0; i < options->n_keep_fp32; i++) {
        qn_buf_puts(&out, i ? "  - " : "keep_fp32:\n  - ");
        put_yaml(&out, options->keep_fp32[i]);
        qn_buf_puts(&out, "\n");
    }
    qn_buf_puts(&out, "weight_rules:\n");
    for (int32_t i = 0; i < report->n_choices; i++) {
        qn_buf_puts(&out, "  ");
        put_yaml(&out, report->choices[i].tensor);
        qn_buf_puts(&out, ": ");
        put_yaml(&out, report->choices[i].scheme);
        qn_buf_puts(&out, "\n");
    }
    const qn_status status = write_text(ctx, path, &out);
    qn_buf_free(&out);
    return status;
}

/* ---- the picture ------------------------------------------------------------------------------------------------------ */

typedef struct frame {
    double least_bytes, most_bytes, low, high; /* low and high: log10 of costs */
} frame;

enum { WIDTH = 760, HEIGHT = 460, LEFT = 80, TOP = 50, RIGHT = 200, BOTTOM = 60 };

static double x_of(const frame *f, double bytes) {
    const double span = f->most_bytes > f->least_bytes ? f->most_bytes - f->least_bytes : 1;
    return LEFT + (bytes - f->least_bytes) / span * (WIDTH - LEFT - RIGHT);
}
static double y_of(const frame *f, double cost) {
    const double span = f->high > f->low ? f->high - f->low : 1, at = cost > 0 ? log10(cost) : f->low;
    return HEIGHT - BOTTOM - (at - f->low) / span * (HEIGHT - TOP - BOTTOM);
}

static frame frame_of(const qn_tune_report *r) {
    frame f = {INFINITY, 0, INFINITY, -INFINITY};
    for (int32_t i = 0; i < r->n_points; i++) {
        const qn_tune_point *p = &r->points[i];
        f.least_bytes = fmin(f.least_bytes, p->bytes);
        f.most_bytes = fmax(f.most_bytes, p->bytes);
        if (p->cost > 0 && isfinite(p->cost)) {
            f.low = fmin(f.low, floor(log10(p->cost)));
            f.high = fmax(f.high, ceil(log10(p->cost)));
        }
    }
    if (!(f.low <= f.high))
        f.low = f.high = 0;
    return f;
}

static void put_xml(qn_buf *out, const char *text) {
    for (; *text; text++)
        switch (*text) {
        case '<': qn_buf_puts(out, "&lt;"); break;
        case '>': qn_buf_puts(out, "&gt;"); break;
        case '&': qn_buf_puts(out, "&amp;"); break;
        case '"': qn_buf_puts(out, "&quot;"); break;
        default: qn_buf_append(out, text, 1);
        }
}

static void put_axes(qn_buf *out, const frame *f, const char *metric) {
    char bytes[32];
    for (double e = f->low; e <= f->high; e++) {
        const double y = y_of(f, pow(10, e));
        qn_buf_printf(out, "<line x1=\"%d\" x2=\"%d\" y1=\"%.1f\" y2=\"%.1f\" class=\"grid\"/><text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">1e%.0f</text>\n",
                      LEFT, WIDTH - RIGHT, y, y, LEFT - 8, y + 4, e);
    }
    for (int i = 0; i <= 4; i++) {
        const double at = f->least_bytes + (f->most_bytes - f->least_bytes) * i / 4;
        qn_buf_printf(out, "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%s</text>\n", x_of(f, at), HEIGHT - BOTTOM + 22, cli_bytes_text(at, bytes));
    }
    qn_buf_printf(out, "<text x=\"%d\" y=\"%d\" text-anchor=\"middle\">bytes</text><text x=\"16\" y=\"%d\">%s</text>\n", (LEFT + WIDTH - RIGHT) / 2,
                  HEIGHT - 12, TOP - 12,
                  strcmp(metric, "kl") == 0 ? "KL, nats" : strcmp(metric, "cosine") == 0 ? "1 - cosine" : "noise / signal");
}

qn_status tune_write_curve(qn_context *ctx, const char *path, const qn_tune_report *r, const char *title) {
    const frame f = frame_of(r);
    qn_buf out = QN_BUF_INIT;
    qn_buf_printf(&out, "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" font-family=\"sans-serif\" font-size=\"12\">\n"
                        "<style>.grid{stroke:#ddd}.sum{fill:none;stroke:#0a58ca;stroke-width:1.5}.one{fill:#888}.tuned{fill:#b00020}</style>\n"
                        "<rect width=\"100%%\" height=\"100%%\" fill=\"#fff\"/><text x=\"%d\" y=\"22\" font-size=\"15\">", WIDTH, HEIGHT, LEFT);
    put_xml(&out, title);
    qn_buf_puts(&out, "</text>\n");
    put_axes(&out, &f, r->metric);
    qn_buf_puts(&out, "<polyline class=\"sum\" points=\"");
    for (int32_t i = 0; i < r->n_points; i++)
        if (!r->points[i].label[0] && isfinite(r->points[i].cost))
            qn_buf_printf(&out, "%.1f,%.1f ", x_of(&f, r->points[i].bytes), y_of(&f, r->points[i].cost));
    qn_buf_puts(&out, "\"/>\n");
    for (int32_t i = 0; i < r->n_points; i++) {
        const qn_tune_point *p = &r->points[i];
        const bool tuned = strcmp(p->label, "tuned") == 0;
        if (!p->label[0] || !isfinite(p->cost))
            continue;
        qn_buf_printf(&out, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"%d\" class=\"%s\"/><text x=\"%.1f\" y=\"%.1f\" class=\"%s\">", x_of(&f, p->bytes),
                      y_of(&f, p->cost), tuned ? 5 : 3, tuned ? "tuned" : "one", x_of(&f, p->bytes) + 8, y_of(&f, p->cost) + 4, tuned ? "tuned" : "one");
        put_xml(&out, p->label);
        qn_buf_puts(&out, "</text>\n");
    }
    qn_buf_puts(&out, "<text x=\"80\" y=\"38\" class=\"one\">line: sum of single costs; points: measured</text>\n</svg>\n");
    const qn_status status = write_text(ctx, path, &out);
    qn_buf_free(&out);
    return status;
}
