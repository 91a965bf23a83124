/* Constants one by one: how each is stored, what that cost, and why others were left alone. */
#include "tools/inspect.h"

#include <math.h>

json_t *inspect_json_weights(const qn_weight_info *rows, int32_t n) {
    json_t *list = json_array();
    for (int32_t i = 0; i < n; i++) {
        const qn_weight_info *w = &rows[i];
        qn_tensor shape = {.rank = w->rank};
        for (int32_t k = 0; k < w->rank; k++)
            shape.dims[k] = w->dims[k];
        json_t *row = json_object();
        json_object_set_new(row, "name", json_string(w->name));
        json_object_set_new(row, "dtype", json_string(qn_dtype_name(w->dtype)));
        json_object_set_new(row, "storage", json_string(w->storage));
        json_object_set_new(row, "shape", cli_json_shape(&shape));
        json_object_set_new(row, "bytes", json_integer((json_int_t)w->bytes));
        json_object_set_new(row, "scheme", json_string(w->scheme));
        json_object_set_new(row, "bits_per_weight", cli_json_real(w->bits_per_weight));
        json_object_set_new(row, "sqnr_db", cli_json_real(w->sqnr_db));
        json_object_set_new(row, "reason", json_string(w->reason));
        json_array_append_new(list, row);
    }
    return list;
}

void inspect_print_weights(const qn_weight_info *rows, int32_t n) {
    double bits = 0, elements = 0, all_bits = 0, all_elements = 0;
    printf("  %-24s %-20s %12s %7s %8s  %s\n", "scheme", "shape", "bytes", "bits", "SQNR dB", "name");
    for (int32_t i = 0; i < n; i++) {
        const qn_weight_info *w = &rows[i];
        char shape[128] = "[", db[32] = "";
        size_t at = 1;
        double count = 1;
        for (int32_t k = 0; k < w->rank; k++) {
            at += (size_t)snprintf(shape + at, sizeof shape - at, "%s%lld", k ? "," : "", (long long)w->dims[k]);
            count *= (double)w->dims[k];
        }
        snprintf(shape + at, sizeof shape - at, "]");
        if (!isnan(w->sqnr_db))
            snprintf(db, sizeof db, "%.2f", w->sqnr_db);
        printf("  %-24s %-20s %12llu %7.3f %8s  %s%s%s%s\n", w->scheme[0] ? w->scheme : w->storage, shape, (unsigned long long)w->bytes,
               w->bits_per_weight, db, w->name, w->reason[0] ? " (" : "", w->reason, w->reason[0] ? ")" : "");
        const bool number = w->dtype == QN_F32 || w->dtype == QN_F16 || w->dtype == QN_BF16 || w->dtype == QN_F64;
        all_bits += number ? 8 * (double)w->bytes : 0;
        all_elements += number ? count : 0;
        bits += w->scheme[0] ? 8 * (double)w->bytes : 0;
        elements += w->scheme[0] ? count : 0;
    }
    if (elements > 0)
        printf("  %.4f bits a weight where there is a scheme, %.4f over all in floating point\n", bits / elements, all_bits / all_elements);
}
