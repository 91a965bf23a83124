#include "tests/kernels/fast_node.h"

#include <math.h>

/* Rows of up to 3000 normal numbers. The lane sums have 200 terms at the most, so mean and variance are within 200 u
 * (u = 2^-24) of themselves, in practice a tenth; results are under 5, times a scale under 2. */
#define TOL 1e-5

QN_TEST(kernels_norm_layer) {
    node_test t = node_begin();
    static const int64_t sizes[] = {1, 2, 15, 16, 33, 384, 3000};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        int64_t n = sizes[i];
        qn_tensor x = normal(&t, i + 1, DIMS(2, 3, n)), scale = pattern(&t, 2, DIMS(n)),
                  shift = pattern(&t, 3, DIMS(n));
        check_fast("LayerNormalization", TOL, 1, IN(x, scale, shift));
        check_fast("LayerNormalization {epsilon=0.001}", TOL, 1, IN(x, scale));
        check_fast("RMSNormalization", TOL, 1, IN(x, scale));
    }
    qn_tensor x = normal(&t, 9, DIMS(5, 4, 6));
    check_fast("LayerNormalization {axis=1}", TOL, 1, IN(x, pattern(&t, 2, DIMS(4, 6)), pattern(&t, 3, DIMS(4, 6))));
    /* an offset a thousand times the spread: two passes keep what one would lose; (x - mean) itself is exact to u *
     * 1000 */
    qn_tensor far = normal(&t, 10, DIMS(3, 400));
    for (int i = 0; i < 1200; i++)
        ((float *)far.data)[i] += 1000;
    check_fast("LayerNormalization", 1e-3, 1, IN(far, pattern(&t, 2, DIMS(400))));
    check_fast("LayerNormalization", 0x1p-9, 1,
               IN(pattern_as(&t, QN_F16, 1, DIMS(7, 50)), pattern_as(&t, QN_F16, 2, DIMS(50)),
                  pattern_as(&t, QN_F16, 3, DIMS(50))));
    check_fast("RMSNormalization", 0x1p-6, 1,
               IN(pattern_as(&t, QN_BF16, 1, DIMS(7, 50)), pattern_as(&t, QN_BF16, 2, DIMS(50))));
    check_fast("LayerNormalization", TOL, 1, IN(empty(QN_F32, DIMS(0, 50)), pattern(&t, 2, DIMS(50))));
    node_end(&t);
}

QN_TEST(kernels_norm_softmax) {
    node_test t = node_begin();
    static const int64_t sizes[] = {1, 2, 15, 16, 33, 1370};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        qn_tensor x = scaled(normal(&t, i + 1, DIMS(2, sizes[i], 3)), 4),
                  y = scaled(normal(&t, i + 1, DIMS(2, 3, sizes[i])), 4);
        check_fast("Softmax", 1e-6, 1, IN(y));
        check_fast("Softmax {axis=1}", 1e-6, 1, IN(x));
        check_fast("Softmax {axis=0}", 1e-6, 1, IN(x));
        /* up to -30: four units of float32 there */
        check_fast("LogSoftmax", 8e-6, 1, IN(y));
        check_fast("LogSoftmax {axis=1}", 8e-6, 1, IN(x));
    }
    float v[40];
    for (int i = 0; i < 40; i++)
        v[i] = i % 5 ? (float)i * 100 : -INFINITY;
    check_fast("Softmax", 1e-6, 1, IN(tensor(QN_F32, 40, v, DIMS(2, 20))));
    check_fast("Softmax {axis=0}", 1e-6, 1, IN(tensor(QN_F32, 40, v, DIMS(2, 20)))); /* columns of -infinity: NaN */
    v[3] = NAN;
    v[27] = INFINITY;
    check_fast("Softmax", 1e-6, 1, IN(tensor(QN_F32, 40, v, DIMS(2, 20))));
    check_fast("Softmax", 0x1p-11, 1, IN(pattern_as(&t, QN_F16, 1, DIMS(7, 50))));
    check_fast("Softmax {axis=0}", 0x1p-8, 1, IN(pattern_as(&t, QN_BF16, 1, DIMS(7, 50))));
    check_fast("Softmax", 0, 1, IN(empty(QN_F32, DIMS(0, 50))));
    check_fast("Softmax", 0, 1, IN(empty(QN_F32, DIMS(5, 0))));
    node_end(&t);
}

/* Sums of `size` numbers below 2 and their squares: (BLOCK + size / (BLOCK * lanes)) 2^-24 and a few roundings, times the
 * scale and 1 / sigma, both below 4. */
QN_TEST(kernels_norm_channels) {
    node_test t = node_begin();
    static const qn_dtype kinds[] = {QN_F32, QN_F16, QN_BF16};
    for (int d = 0; d < 3; d++) {
        const double tol = d == 0 ? 100 * 0x1p-24 * 4 : d == 1 ? 0x1p-9 : 0x1p-6;
#define C(SEED, ...) pattern_as(&t, kinds[d], SEED, DIMS(__VA_ARGS__))
        qn_tensor var = pattern_as(&t, kinds[d], 5, DIMS(5));
        for (int i = 0; i < 5; i++)
            if (d == 0)
                ((float *)var.data)[i] = 0.5f + (float)i;
            else
                ((uint16_t *)var.data)[i] = d == 1 ? (uint16_t)(0x3c00 + i) : (uint16_t)(0x3f80 + i);
        check_fast("BatchNormalization", tol, 1, IN(C(1, 2, 5, 7, 11), C(2, 5), C(3, 5), C(4, 5), var));
        check_fast("BatchNormalization {epsilon=0.01}", tol, 1, IN(C(1, 3, 5), C(2, 5), C(3, 5), C(4, 5), var));
        check_fast("InstanceNormalization", tol, 1, IN(C(1, 2, 5, 7, 11), C(2, 5), C(3, 5)));
        check_fast("InstanceNormalization {epsilon=0.01}", tol, 1, IN(C(1, 2, 5, 1000), C(2, 5), C(3, 5)));
    }
    check_fast("BatchNormalization", EXACT, 1,
               IN(empty(QN_F32, DIMS(0, 2, 3)), pattern(&t, 1, DIMS(2)), pattern(&t, 1, DIMS(2)), pattern(&t, 1, DIMS(2)),
                  pattern(&t, 1, DIMS(2))));
    node_end(&t);
}
