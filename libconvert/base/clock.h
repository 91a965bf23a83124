/* Time that only goes forward, for what a report says something took. */
#ifndef QN_BASE_CLOCK_H
#define QN_BASE_CLOCK_H

#include <time.h>

/** Seconds since some moment. */
static inline double qn_clock_seconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

#endif
