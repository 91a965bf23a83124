/* Loops that do nothing but multiply and add, or nothing but read: what a core can do at most.
 *
 * A multiplying loop keeps QN_PEAK_CHAINS independent sums in registers, so that no multiply-add waits for the one
 * before it: more than latency (4 or 5 cycles) times multiply-adds that begin in a cycle (2; 4 on some aarch64). A
 * reading loop adds up vectors in as many sums. roofline.c times them. */
#ifndef QN_KERNELS_PEAK_PEAK_H
#define QN_KERNELS_PEAK_PEAK_H

#include "base/context.h"

/** With two constants they fit the 16 registers of x86-64 before AVX-512; others have 32. */
#if defined(__aarch64__)
enum { QN_PEAK_CHAINS = 20 };
#else
enum { QN_PEAK_CHAINS = 12 };
#endif

/** `rounds` times every chain; returns the operations done (a multiply-add is two). *sink keeps the sums from being
 *  nobody's. */
typedef double (*qn_peak_fn)(int64_t rounds, float *sink);
/** Read p[0..n), 64-byte aligned, n a multiple of 16 * QN_PEAK_CHAINS; returns a sum. */
typedef float (*qn_read_fn)(const float *p, int64_t n);

/** How one instruction set multiplies numbers of one kind. */
typedef struct qn_peak_row {
    qn_dtype arithmetic; /**< QN_F32, QN_BF16 or QN_I8 */
    unsigned isa;        /**< QN_ISA_ bit that it needs; 0: any machine */
    const char *name;    /**< of the instruction set */
    bool native;         /**< one instruction multiplies and adds; else it is done in several, or in float32 */
    qn_peak_fn run;
} qn_peak_row;

/** The row that the context's instruction sets allow: native where there is one, in float32 where nothing is faster.
 *  Never NULL for QN_F32, QN_BF16 and QN_I8. */
const qn_peak_row *qn_peak_choose(const qn_context *ctx, qn_dtype arithmetic);
/** Reads with the widest vectors allowed. */
qn_read_fn qn_peak_reader(const qn_context *ctx);

double qn_peak_f32_scalar(int64_t rounds, float *sink);
double qn_peak_f32_neon(int64_t rounds, float *sink);
double qn_peak_f32_avx2(int64_t rounds, float *sink);
double qn_peak_f32_avx512(int64_t rounds, float *sink);
/** Pairs of bfloat16 to float32: VDPBF16PS. */
double qn_peak_bf16_avx512bf16(int64_t rounds, float *sink);
/** Unsigned by signed bytes to int32, four at a time: VPDPBUSD; in three instructions before it. */
double qn_peak_int8_avx512vnni(int64_t rounds, float *sink);
double qn_peak_int8_avx512(int64_t rounds, float *sink);
double qn_peak_int8_avx2(int64_t rounds, float *sink);
float qn_peak_read_scalar(const float *p, int64_t n);
float qn_peak_read_neon(const float *p, int64_t n);
float qn_peak_read_avx2(const float *p, int64_t n);
float qn_peak_read_avx512(const float *p, int64_t n);

#endif
