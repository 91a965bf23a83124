/* Made-up constants of every encoding, and what their elements are by docs/format.md: written from that page, with none of the
 * library's arithmetic of codes, groups and masks. */
#ifndef QN_TESTS_KERNELS_ENCODED_H
#define QN_TESTS_KERNELS_ENCODED_H

#include "ir/constant.h"

typedef struct qn_test_encoded {
    qn_const c;
    void *bytes[QN_MAX_PARTS]; /**< each of its own allocation, as long as the part: nothing behind it may be read */
} qn_test_encoded;

/** A constant with these fields (n_kept and parts aside) and made-up parts: codes are what they may be,
 *  without NaN and infinity when `finite`. Free it. */
qn_test_encoded *qn_test_encoded_make(const qn_const *fields, uint64_t seed, bool finite);
void qn_test_encoded_free(qn_test_encoded *e);

enum { QN_TEST_AFFINE = 15 * 8 * 9 * 2 * 3, QN_TEST_PALETTES = 8 * 3 * 4 * 4 * 12, QN_TEST_SPARSE = 3 * 10,
       QN_TEST_ENCODINGS = QN_TEST_AFFINE + QN_TEST_PALETTES + QN_TEST_SPARSE };
/** Encoding i of QN_TEST_ENCODINGS of a float32 tensor of rank 3: false where that combination is none. */
bool qn_test_encoding(int i, const int64_t dims[3], qn_const *fields);
/** What it is, for messages. Static. */
const char *qn_test_encoding_text(const qn_const *c);

/** Element e as float32. */
float qn_test_element(const qn_const *c, int64_t e);
/** The same bits, or both NaN. */
bool qn_test_same(float a, float b);

#endif
