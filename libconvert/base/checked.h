/* Arithmetic on sizes that says when it would wrap. Every size that comes from input goes through here. */
#ifndef QN_BASE_CHECKED_H
#define QN_BASE_CHECKED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** *out = a + b; false when it does not fit (then *out is unspecified). */
static inline bool qn_add_size(size_t a, size_t b, size_t *out) { return !__builtin_add_overflow(a, b, out); }
static inline bool qn_mul_size(size_t a, size_t b, size_t *out) { return !__builtin_mul_overflow(a, b, out); }
static inline bool qn_add_i64(int64_t a, int64_t b, int64_t *out) { return !__builtin_add_overflow(a, b, out); }
static inline bool qn_sub_i64(int64_t a, int64_t b, int64_t *out) { return !__builtin_sub_overflow(a, b, out); }
static inline bool qn_mul_i64(int64_t a, int64_t b, int64_t *out) { return !__builtin_mul_overflow(a, b, out); }

/** Round up to a multiple of `align` (a power of two); false when it does not fit. */
static inline bool qn_align_size(size_t n, size_t align, size_t *out) {
    if (!qn_add_size(n, align - 1, out))
        return false;
    *out &= ~(align - 1);
    return true;
}

/** floor(a / b) for any signs; b != 0 and not (INT64_MIN, -1). */
static inline int64_t qn_floordiv_i64(int64_t a, int64_t b) {
    int64_t q = a / b;
    return (a % b != 0 && ((a < 0) != (b < 0))) ? q - 1 : q;
}

/** Product of dims[0..rank), each >= 0; false when it exceeds INT64_MAX. The empty product is 1. */
bool qn_count_elems(const int64_t *dims, int32_t rank, int64_t *out);

#endif
