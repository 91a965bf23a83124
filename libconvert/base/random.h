/* Seeded numbers: integer arithmetic and exact conversions only, so that every machine has the same. */
#ifndef QN_BASE_RANDOM_H
#define QN_BASE_RANDOM_H

#include <stdint.h>

/** SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014): 64 even bits; *state moves on. */
static inline uint64_t qn_random_next(uint64_t *state) {
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

/** In [0, 1), a multiple of 2^-53. */
static inline double qn_random_uniform(uint64_t *state) { return (double)(qn_random_next(state) >> 11) * 0x1p-53; }

/** Close to normal: the sum of 12 uniforms less 6 has mean 0 and variance 1, and lies in -6..6. */
static inline double qn_random_normal(uint64_t *state) {
    double sum = -6;
    for (int i = 0; i < 12; i++)
        sum += qn_random_uniform(state);
    return sum;
}

#endif
