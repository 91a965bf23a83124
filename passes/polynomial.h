/* A value as a polynomial in another one: how the passes recognise the arguments of erf, tanh and sigmoid, in whatever
 * order an exporter wrote the products and sums. */
#ifndef QN_PASSES_POLYNOMIAL_H
#define QN_PASSES_POLYNOMIAL_H

#include "ir/graph.h"

enum { QN_POLY_DEGREE = 3 };

typedef struct qn_poly {
    double c[QN_POLY_DEGREE + 1]; /**< c[k] x^k */
} qn_poly;

/** v as a polynomial of degree up to 3 in x, through Add, Sub, Mul, Div by a number, Neg, Pow by 1, 2 or 3 and scalar
 *  constants. False when it is none, or when v reaches deeper than 16 nodes. */
bool qn_poly_of(const qn_value *v, const qn_value *x, qn_poly *out);
/** Every coefficient within rel of its like (0 exactly 0). */
bool qn_poly_is(const qn_poly *p, const double c[QN_POLY_DEGREE + 1], double rel);
/** The value that v is a polynomial in: the input reached first through those ops that is none of them; NULL when v
 *  is a constant. */
qn_value *qn_poly_variable(const qn_value *v);

#endif
