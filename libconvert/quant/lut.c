/* Tables of numbers. */
#include "quant/lut.h"

#include <math.h>
#include <string.h>

#include "quant/order.h"

void qn_lut_uniform(float min, float max, int k, float *table) {
    const double from = (double)min, width = (double)max - from;
    for (int i = 0; i < k; i++)
        table[i] = (float)(k == 1 ? from + width / 2 : from + width * i / (k - 1));
    if (k > 1)
        table[k - 1] = max;
}

/* ---- by bits ------------------------------------------------------------------------------------- */

/** The number of keys[n], ascending, under `key`. */
static int below(const uint32_t *keys, int n, uint32_t key) {
    int at = 0;
    for (int half; n > 0; n = half) {
        half = n / 2;
        if (keys[at + half] < key) {
            at += half + 1;
            half = n - half - 1;
        }
    }
    return at;
}

bool qn_lut_unique(const float *values, int64_t n, int limit, float *table, int *count) {
    uint32_t keys[QN_LUT_MAX];
    int k = 0;
    for (int64_t i = 0; i < n; i++) {
        const uint32_t key = qn_order_key(values[i]);
        const int at = below(keys, k, key);
        if (at < k && keys[at] == key)
            continue;
        if (k == limit)
            return false;
        memmove(keys + at + 1, keys + at, (size_t)(k - at) * sizeof *keys);
        keys[at] = key;
        k++;
    }
    for (int i = 0; i < k; i++)
        table[i] = qn_order_float(keys[i]);
    *count = k;
    return true;
}

void qn_lut_exact(const float *table, int k, const float *values, int64_t n, uint8_t *index) {
    uint32_t keys[QN_LUT_MAX];
    for (int i = 0; i < k; i++)
        keys[i] = qn_order_key(table[i]);
    for (int64_t i = 0; i < n; i++) {
        const int at = below(keys, k, qn_order_key(values[i]));
        index[i] = (uint8_t)(at < k ? at : k - 1);
    }
}

/* ---- the nearest ------------------------------------------------------------------------------------ */

/** The largest float at most the middle of a and b: a float is over the middle just when it is over this. */
static float threshold(float a, float b) {
    const double middle = ((double)a + (double)b) / 2;
    const float t = (float)middle;
    return (double)t > middle ? nextafterf(t, -INFINITY) : t;
}

void qn_lut_nearest(const float *table, int k, const float *values, int64_t n, uint8_t *index) {
    float over[QN_LUT_MAX]; /* entry i + 1 of those that differ begins over this */
    uint8_t entry[QN_LUT_MAX];
    int different = 1, size = 1;
    entry[0] = 0;
    for (int i = 1; i < k; i++)
        if (table[i] > table[entry[different - 1]]) {
            over[different - 1] = threshold(table[entry[different - 1]], table[i]);
            entry[different++] = (uint8_t)i;
        }
    while (size < different)
        size *= 2;
    for (int i = different - 1; i < size - 1; i++)
        over[i] = INFINITY;
    for (int64_t i = 0; i < n; i++) {
        const float x = values[i];
        int at = 0;
        for (int step = size / 2; step > 0; step /= 2)
            at += x > over[at + step - 1] ? step : 0;
        index[i] = entry[at];
    }
}
