/* A comparison as text, JSON and HTML. */
#include "tools/compare.h"

#include "base/map.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- text -------------------------------------------------------------------------------------- */

static const char *db_text(double db, char text[32]) {
    if (isinf(db))
        snprintf(text, 32, "%s", db > 0 ? "exact" : "-inf");
    else
        snprintf(text, 32, "%.1f", db);
    return text;
}

static void print_row(const compare_row *r, int width) {
    char db[32];
    printf("  %-*s %12.6g %12.6g %12.6g %8s %11.8f%s%s\n", width, r->name, r->numbers.max_abs, r->numbers.max_rel,
           r->numbers.rmse, db_text(r->numbers.sqnr_db, db), r->numbers.cosine, r->pass ? "" : "  FAIL: ", r->why);
}

static int widest(const compare_row *rows, int n) {
    int width = 8;
    for (int i = 0; i < n; i++)
        width = (int)strlen(rows[i].name) > width ? (int)strlen(rows[i].name) : width;
    return width > 60 ? 60 : width;
}

static void print_line(int width, const char *file, double bytes, double load_ms, double run_ms) {
    char text[32];
    printf("%-*s %10s %9.1f %11.2f", width, file, cli_bytes_text(bytes, text), load_ms, run_ms);
}

/* Of each variant its worst output. */
static void print_summary(const compare_result *result) {
    int width = (int)strlen(result->reference);
    for (int v = 0; v < result->n_variants; v++)
        width = (int)strlen(result->variants[v].file) > width ? (int)strlen(result->variants[v].file) : width;
    printf("%-*s %10s %9s %11s %11s %8s %10s\n", width, "file", "bytes", "load ms", "latency ms", "cosine", "SQNR dB",
           "max_rel");
    if (result->reference_bytes > 0) {
        print_line(width, result->reference, result->reference_bytes, result->reference_load_ms, result->reference_ms);
        printf("   reference\n");
    }
    for (int v = 0; v < result->n_variants; v++) {
        const compare_variant *variant = &result->variants[v];
        double cosine = 1, sqnr = INFINITY, rel = 0;
        char db[32];
        for (int i = 0; i < variant->n_outputs; i++) {
            cosine = fmin(cosine, variant->outputs[i].numbers.cosine);
            sqnr = fmin(sqnr, variant->outputs[i].numbers.sqnr_db);
            rel = fmax(rel, variant->outputs[i].numbers.max_rel);
        }
        print_line(width, variant->file, variant->bytes, variant->load_ms, variant->run_ms);
        printf(" %11.8f %8s %10.3g%s\n", cosine, db_text(sqnr, db), rel, variant->pass ? "" : "  FAIL");
    }
}

void compare_print(const compare_result *result, bool details) {
    print_summary(result);
    for (int v = 0; details && v < result->n_variants; v++) {
        const compare_variant *variant = &result->variants[v];
        int width = widest(variant->outputs, variant->n_outputs);
        printf("\n%s: %s\n", variant->file, variant->pass ? "pass" : "FAIL");
        printf("  %-*s %12s %12s %12s %8s %11s\n", width, "output", "max_abs", "max_rel", "rmse", "SQNR dB", "cosine");
        for (int i = 0; i < variant->n_outputs; i++)
            print_row(&variant->outputs[i], width);
        for (int i = 0; i < variant->n_outputs; i++)
            compare_logits_print(&variant->outputs[i], result->top_k);
        if (!variant->layers)
            continue;
        width = widest(variant->layers, variant->n_layers);
        printf("  %-*s %12s %12s %12s %8s %11s\n", width, "layer", "max_abs", "max_rel", "rmse", "SQNR dB", "cosine");
        for (int i = 0; i < variant->n_layers; i++)
            print_row(&variant->layers[i], width);
    }
}

/* ---- JSON ---------------------------------------------------------------------------------------- */

static json_t *json_rows(const compare_row *rows, int n) {
    json_t *list = json_array();
    for (int i = 0; i < n; i++) {
        const qn_comparison *c = &rows[i].numbers;
        json_t *row = json_object();
        json_object_set_new(row, "name", json_string(rows[i].name));
        if (rows[i].node)
            json_object_set_new(row, "node", json_string(rows[i].node));
        json_object_set_new(row, "elements", json_integer(c->n));
        json_object_set_new(row, "max_abs", cli_json_real(c->max_abs));
        json_object_set_new(row, "max_rel", cli_json_real(c->max_rel));
        json_object_set_new(row, "rmse", cli_json_real(c->rmse));
        json_object_set_new(row, "sqnr_db", cli_json_real(c->sqnr_db));
        json_object_set_new(row, "cosine", cli_json_real(c->cosine));
        json_object_set_new(row, "mismatches", json_integer(c->n_mismatch));
        json_object_set_new(row, "first_not_finite", c->first_bad < 0 ? json_null() : json_integer(c->first_bad));
        json_object_set_new(row, "pass", json_boolean(rows[i].pass));
        json_object_set_new(row, "why", json_string(rows[i].why));
        compare_logits_json(&rows[i], row);
        json_array_append_new(list, row);
    }
    return list;
}

int compare_print_json(const compare_result *result) {
    json_t *top = json_object(), *list = json_array();
    json_object_set_new(top, "reference", json_string(result->reference));
    json_object_set_new(top, "pass", json_boolean(result->pass));
    for (int v = 0; v < result->n_variants; v++) {
        const compare_variant *variant = &result->variants[v];
        json_t *row = json_object();
        json_object_set_new(row, "file", json_string(variant->file));
        json_object_set_new(row, "bytes", json_integer((json_int_t)variant->bytes));
        json_object_set_new(row, "load_ms", json_real(variant->load_ms));
        json_object_set_new(row, "run_ms", json_real(variant->run_ms));
        json_object_set_new(row, "pass", json_boolean(variant->pass));
        json_object_set_new(row, "outputs", json_rows(variant->outputs, variant->n_outputs));
        if (variant->layers)
            json_object_set_new(row, "layers", json_rows(variant->layers, variant->n_layers));
        json_array_append_new(list, row);
    }
    json_object_set_new(top, "variants", list);
    return cli_print_json(top);
}

/* ---- HTML ------------------------------------------------------------------------------------------ */

static void escape(FILE *f, const char *s) {
    for (; *s; s++) {
        switch (*s) {
        case '<': fputs("&lt;", f); break;
        case '>': fputs("&gt;", f); break;
        case '&': fputs("&amp;", f); break;
        case '"': fputs("&quot;", f); break;
        default: fputc(*s, f);
        }
    }
}

static void html_rows(FILE *f, const char *what, const compare_row *rows, int n) {
    char db[32];
    fprintf(f, "<table><tr><th>%s</th><th>max_abs</th><th>max_rel</th><th>rmse</th><th>SQNR dB</th><th>cosine</th>"
               "<th>verdict</th></tr>\n", what);
    for (int i = 0; i < n; i++) {
        const qn_comparison *c = &rows[i].numbers;
        fprintf(f, "<tr%s><td>", rows[i].pass ? "" : " class=bad");
        escape(f, rows[i].name);
        fprintf(f, "</td><td>%.4g</td><td>%.4g</td><td>%.4g</td><td>%s</td><td>%.8f</td><td>", c->max_abs, c->max_rel,
                c->rmse, db_text(c->sqnr_db, db), c->cosine);
        escape(f, rows[i].pass ? "pass" : rows[i].why);
        fputs("</td></tr>\n", f);
    }
    fputs("</table>\n", f);
}

/* SQNR by layer as a line: 0 to 140 dB from bottom to top, layers from left to right. */
static void html_chart(FILE *f, const compare_row *rows, int n) {
    const double width = 960, height = 240, top_db = 140;
    fprintf(f, "<svg viewBox=\"0 0 %.0f %.0f\" role=img aria-label=\"SQNR by layer\">", width, height);
    for (int db = 20; db <= 120; db += 20)
        fprintf(f, "<line x1=0 x2=%.0f y1=%.1f y2=%.1f class=grid /><text x=2 y=%.1f>%d dB</text>", width,
                height - db * height / top_db, height - db * height / top_db, height - db * height / top_db - 2, db);
    fputs("<polyline points=\"", f);
    for (int i = 0; i < n; i++) {
        double db = rows[i].numbers.sqnr_db;
        db = db > top_db ? top_db : db < 0 ? 0 : db;
        fprintf(f, "%.1f,%.1f ", n > 1 ? i * width / (n - 1) : 0, height - db * height / top_db);
    }
    fputs("\"/></svg>\n", f);
}

static const char g_style[] =
    "<!doctype html><meta charset=utf-8><title>quern compare</title><style>body{font:15px/1.4 sans-serif;margin:2em;"
    "color:#222}table{border-collapse:collapse;margin:1em 0}td,th{padding:.2em .8em;border-bottom:1px solid #ddd;"
    "text-align:right}td:first-child,th:first-child{text-align:left}.bad td{color:#b00020;font-weight:bold}svg{width:100%;"
    "max-width:60em;background:#fafafa}polyline{fill:none;stroke:#0a58ca;stroke-width:1.5}.grid{stroke:#ddd}text{font-size:"
    "10px;fill:#888}</style>\n";

qn_status compare_write_html(qn_context *ctx, const char *path, const compare_result *result) {
    char *text = NULL, bytes[32];
    size_t n = 0;
    FILE *f = open_memstream(&text, &n);
    if (!f)
        return (qn_status)cli_usage("out of memory");
    fprintf(f, "%s<h1>quern compare: %s</h1>\n<p>reference ", g_style, result->pass ? "pass" : "FAIL");
    escape(f, result->reference);
    fputs("</p>\n", f);
    for (int v = 0; v < result->n_variants; v++) {
        const compare_variant *variant = &result->variants[v];
        fputs("<h2>", f);
        escape(f, variant->file);
        fprintf(f, "</h2>\n<p>%s, %.1f ms, %s</p>\n", cli_bytes_text(variant->bytes, bytes), variant->run_ms,
                variant->pass ? "pass" : "FAIL");
        html_rows(f, "output", variant->outputs, variant->n_outputs);
        if (variant->n_layers) {
            html_chart(f, variant->layers, variant->n_layers);
            html_rows(f, "layer", variant->layers, variant->n_layers);
        }
    }
    qn_status status = fclose(f) == 0 ? QN_OK : QN_SYSTEM;
    qn_outfile *out = NULL;
    if (status == QN_OK)
        status = qn_outfile_create(ctx, path, &out);
    if (status == QN_OK) {
        status = qn_outfile_write(ctx, out, 0, text, n);
        if (status == QN_OK)
            status = qn_outfile_commit(ctx, out);
        else
            qn_outfile_destroy(out);
    }
    free(text);
    return status;
}
