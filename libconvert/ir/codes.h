/* The numbers that codes stand for: integers and floating point of 2 to 8 bits (schemas/codes.def). */
#ifndef QN_IR_CODES_H
#define QN_IR_CODES_H

#include "ir/type.h"

/* Types that no tensor has; int8 and uint8 are QN_I8 and QN_U8. */
#define QN_U4 ((qn_dtype)21)
#define QN_I4 ((qn_dtype)22)
#define QN_U2 ((qn_dtype)25)
#define QN_I2 ((qn_dtype)26)
#define QN_U3 ((qn_dtype)128)
#define QN_I3 ((qn_dtype)129)
#define QN_U6 ((qn_dtype)130)
#define QN_I6 ((qn_dtype)131)
#define QN_F8E4M3 ((qn_dtype)17)
#define QN_F8E5M2 ((qn_dtype)19)
#define QN_F6E2M3 ((qn_dtype)132)
#define QN_F6E3M2 ((qn_dtype)133)
#define QN_F4E2M1 ((qn_dtype)23)
#define QN_F8E8M0 ((qn_dtype)24)

typedef struct qn_code_type {
    qn_dtype dtype;
    const char *name;
    int bits;           /**< 2..8 */
    bool is_integer;
    bool is_signed;
    bool is_power;      /**< a power of two: of scales only */
    int32_t min, max;   /**< integers: the least and the largest */
    int exponent, mantissa; /**< floating point: bits of each */
} qn_code_type;

/** The row of a type of codes, or NULL. */
const qn_code_type *qn_code_type_of(qn_dtype dtype);
/** Name of a dtype of tensors or of codes; "" for another number. */
const char *qn_stored_name(qn_dtype dtype);

/** Code i of `codes`, packed from the low bit up, code after code: the bits as an unsigned number. */
uint32_t qn_code_bits(int bits, const uint8_t *codes, int64_t i);
/** Code i of `codes` as an integer; of a type that is none, its bits. */
int32_t qn_code_at(const qn_code_type *type, const uint8_t *codes, int64_t i);
/** The number that the bits of a code stand for; exact. */
float qn_code_number(const qn_code_type *type, uint32_t bits);
/** numbers[0 .. 2^bits) of all codes, by their bits. */
void qn_code_numbers(const qn_code_type *type, float *numbers);
/** The bits of the code of a floating point type whose number is nearest to x, of two the one with an even last bit; beyond the
 *  largest number the largest. x is not NaN. */
uint32_t qn_code_nearest(const qn_code_type *type, float x);
/** The largest finite number of a type: max of integers. */
float qn_code_largest(const qn_code_type *type);

#endif
