/* The literal-only DEFLATE against libdeflate's inflater. */
#include "package/huffman.h"

#include <libdeflate.h>
#include <math.h>
#include <stdlib.h>

#include "tests/test.h"

/** Compress, expand, compare; returns the compressed size. Buffers of their exact sizes, for the sanitizers. */
static size_t round_trip(const uint8_t *data, size_t n) {
    qn_huffman *h = malloc(sizeof *h);
    const size_t planned = qn_huffman_plan(h, data, n);
    uint8_t *room = malloc(planned + 8), *exact = malloc(planned), *back = malloc(n);
    struct libdeflate_decompressor *inflater = libdeflate_alloc_decompressor();
    size_t used, made;
    memset(room, 0xff, planned + 8);
    qn_huffman_write(h, data, n, room);
    memcpy(exact, room, planned);
    const int result = (int)libdeflate_deflate_decompress_ex(inflater, exact, planned, back, n, &used, &made);
    if (result != LIBDEFLATE_SUCCESS || used != planned || made != n || memcmp(back, data, n) != 0)
        fail_msg("%zu bytes in %zu: result %d, %zu used, %zu made", n, planned, result, used, made);
    libdeflate_free_decompressor(inflater);
    free(room), free(exact), free(back), free(h);
    return planned;
}

QN_TEST(package_huffman_sizes) {
    static const size_t sizes[] = {65534, 65535, 65536, 65537, 131072, 131073, 300000, QN_HUFFMAN_MAX};
    uint8_t *data = malloc(QN_HUFFMAN_MAX);
    uint32_t seed = 1;
    for (size_t i = 0; i < QN_HUFFMAN_MAX; i++) {
        seed = seed * 1664525u + 1013904223u;
        data[i] = (uint8_t)(seed >> 24 & seed >> 16); /* zeros are likelier than ones */
    }
    for (size_t n = 1; n < 700; n++)
        round_trip(data, n);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
        round_trip(data, sizes[i]);
    free(data);
}

QN_TEST(package_huffman_few_and_many_values) {
    uint8_t data[70000];
    for (int n_values = 1; n_values <= 256; n_values += n_values < 20 ? 1 : 59)
        for (size_t first = 0; first <= 256 - (size_t)n_values; first += 64) {
            for (size_t i = 0; i < sizeof data; i++)
                data[i] = (uint8_t)(first + i * i % (size_t)n_values);
            round_trip(data, sizeof data);
            round_trip(data, (size_t)n_values);
        }
    memset(data, 255, sizeof data);
    assert_true(round_trip(data, sizeof data) < sizeof data / 8 + 100); /* a bit a byte, and two tables */
}

/* Counts that grow like Fibonacci numbers have the deepest tree there is: 23 bits here, and DEFLATE's codes have 15. */
QN_TEST(package_huffman_long_codes) {
    uint8_t *data = malloc(1 << 16);
    size_t n = 0, a = 1, b = 1;
    for (int value = 0; value < 23; value++) {
        for (size_t i = 0; i < a && n < 1 << 16; i++)
            data[n++] = (uint8_t)value;
        const size_t next = a + b;
        a = b;
        b = next;
    }
    qn_huffman *h = malloc(sizeof *h);
    qn_huffman_plan(h, data, n);
    for (int i = 0; i <= 256; i++)
        assert_true(h->length[0][i] <= 15);
    round_trip(data, n);
    free(h);
    free(data);
}

/* A Huffman code takes less than a bit a symbol more than the entropy, of eight likely values hardly any. */
QN_TEST(package_huffman_is_near_the_entropy) {
    enum { N = 1 << 18 };
    uint8_t *data = malloc(N);
    double counts[8] = {0}, entropy = 0;
    uint32_t seed = 7;
    for (size_t i = 0; i < N; i++) {
        seed = seed * 1664525u + 1013904223u;
        int value = 0;
        for (uint32_t bits = seed >> 8; bits & 1 && value < 7; bits >>= 1)
            value++; /* 1/2, 1/4, 1/8 ... */
        data[i] = (uint8_t)(120 + value);
        counts[value]++;
    }
    for (int i = 0; i < 8; i++)
        entropy -= counts[i] > 0 ? counts[i] * log2(counts[i] / N) : 0;
    assert_true((double)round_trip(data, N) < 1.01 * entropy / 8 + 4 * 100); /* four tables */
    free(data);
}
