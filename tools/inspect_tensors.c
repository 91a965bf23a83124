#include "tools/inspect.h"

#include <string.h>

#include "base/checked.h"
#include "base/path.h"

bool inspect_wants_tensors(const cli_args *args) {
    const bool file = qn_path_ends_with(cli_operand(args, 0), ".safetensors");
    return cli_flag(args, "tensors") || (file && !cli_flag(args, "nodes") && !cli_flag(args, "dot"));
}

/* A type of the format, and how much is of it. */
typedef struct share {
    const char *type;
    int64_t tensors, elements;
    uint64_t bytes;
} share;
enum { MAX_SHARES = 32 };

typedef struct totals {
    share shares[MAX_SHARES];
    int n;
    int64_t parameters;
    uint64_t bytes;
} totals;

static int64_t elements_of(const qn_stored_tensor *t) {
    int64_t n;
    return qn_count_elems(t->dims, t->rank, &n) ? n : 0;
}

static void add_tensor(totals *all, const qn_stored_tensor *t) {
    int i = 0;
    while (i < all->n && strcmp(all->shares[i].type, t->type) != 0)
        i++;
    if (i == MAX_SHARES)
        return;
    if (i == all->n)
        all->shares[all->n++].type = t->type;
    all->shares[i].tensors++;
    all->shares[i].elements += elements_of(t);
    all->shares[i].bytes += t->bytes;
    all->parameters += t->is_float ? elements_of(t) : 0;
    all->bytes += t->bytes;
}

static void count(const qn_listing *list, totals *all) {
    *all = (totals){.n = 0};
    for (int32_t i = 0; i < qn_listing_n_tensors(list); i++) {
        const qn_stored_tensor t = qn_listing_tensor(list, i);
        add_tensor(all, &t);
    }
}

/* Text of a file, for a terminal: control characters would be taken for commands. */
static void put_text(const char *text, const char *end) {
    for (; *text; text++)
        putchar((unsigned char)*text < 0x20 || *text == 0x7f ? '?' : *text);
    fputs(end, stdout);
}

/* ---- as text ---------------------------------------------------------------------------------------- */

static void print_text(const cli_args *args, const qn_listing *list, const totals *all) {
    char a[32], b[32];
    printf("%s: safetensors, %s; %d tensors, %lld parameters in %s\n", cli_operand(args, 0),
           cli_bytes_text((double)qn_listing_file_bytes(list), a), (int)qn_listing_n_tensors(list),
           (long long)all->parameters, cli_bytes_text((double)all->bytes, b));
    for (int32_t i = 0; i < qn_listing_n_notes(list); i++) {
        printf("  note    ");
        put_text(qn_listing_note(list, i).key, " = ");
        put_text(qn_listing_note(list, i).text, "\n");
    }
    printf("\n  %-12s %8s %14s %14s\n", "type", "tensors", "elements", "bytes");
    for (int i = 0; i < all->n; i++)
        printf("  %-12s %8lld %14lld %14llu\n", all->shares[i].type, (long long)all->shares[i].tensors,
               (long long)all->shares[i].elements, (unsigned long long)all->shares[i].bytes);
    printf("\n  %-12s %-24s %14s  %s\n", "type", "shape", "bytes", "name");
    for (int32_t i = 0; i < qn_listing_n_tensors(list); i++) {
        const qn_stored_tensor t = qn_listing_tensor(list, i);
        char shape[256] = "[";
        size_t at = 1;
        for (int32_t k = 0; k < t.rank; k++)
            at += (size_t)snprintf(shape + at, sizeof shape - at, "%s%lld", k ? "," : "", (long long)t.dims[k]);
        snprintf(shape + at, sizeof shape - at, "]");
        printf("  %-12s %-24s %14llu  ", t.type, shape, (unsigned long long)t.bytes);
        put_text(t.name, "\n");
    }
}

/* ---- as JSON ----------------------------------------------------------------------------------------- */

static json_t *json_tensor(const qn_stored_tensor *t) {
    json_t *row = json_object(), *shape = json_array();
    for (int32_t k = 0; k < t->rank; k++)
        json_array_append_new(shape, json_integer(t->dims[k]));
    json_object_set_new(row, "name", json_string(t->name));
    json_object_set_new(row, "dtype", json_string(t->type));
    json_object_set_new(row, "shape", shape);
    json_object_set_new(row, "bytes", json_integer((json_int_t)t->bytes));
    json_object_set_new(row, "file", json_string(t->file));
    return row;
}

static int print_json(const cli_args *args, const qn_listing *list, const totals *all) {
    json_t *top = json_object(), *storage = json_array(), *notes = json_object(), *tensors = json_array();
    json_object_set_new(top, "file", json_string(cli_operand(args, 0)));
    json_object_set_new(top, "source", json_pack("{s:s}", "format", "safetensors"));
    json_object_set_new(top, "file_bytes", json_integer((json_int_t)qn_listing_file_bytes(list)));
    json_object_set_new(top, "parameters", json_integer(all->parameters));
    json_object_set_new(top, "bytes", json_integer((json_int_t)all->bytes));
    json_object_set_new(top, "ops", json_object());
    json_object_set_new(top, "inputs", json_array());
    json_object_set_new(top, "outputs", json_array());
    for (int i = 0; i < all->n; i++)
        json_array_append_new(storage, json_pack("{s:s, s:I, s:I, s:I}", "storage", all->shares[i].type, "tensors",
                                                 (json_int_t)all->shares[i].tensors, "elements",
                                                 (json_int_t)all->shares[i].elements, "bytes",
                                                 (json_int_t)all->shares[i].bytes));
    json_object_set_new(top, "storage", storage);
    for (int32_t i = 0; i < qn_listing_n_notes(list); i++)
        json_object_set_new(notes, qn_listing_note(list, i).key, json_string(qn_listing_note(list, i).text));
    json_object_set_new(top, "metadata", notes);
    for (int32_t i = 0; i < qn_listing_n_tensors(list); i++) {
        const qn_stored_tensor t = qn_listing_tensor(list, i);
        json_array_append_new(tensors, json_tensor(&t));
    }
    json_object_set_new(top, "tensors", tensors);
    return cli_print_json(top);
}

int inspect_tensors(qn_context *ctx, const cli_args *args) {
    qn_listing *list;
    totals all;
    int code = QN_OK;
    const qn_status status = qn_listing_load(ctx, cli_operand(args, 0), &list);
    if (status != QN_OK)
        return cli_fail(ctx, status);
    count(list, &all);
    if (cli_flag(args, "json"))
        code = print_json(args, list, &all);
    else
        print_text(args, list, &all);
    qn_listing_destroy(list);
    return code;
}
