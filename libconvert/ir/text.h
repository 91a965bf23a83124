/* The graph as text, and back.
 *
 *   # comment to the end of the line
 *   input %x: float32[batch,3,224,224]                or: input "name" = %x: ...
 *   const %w: float32[8,3,3,3] = random(7)            normal numbers / sqrt(fan-in), from this seed
 *   const %v: float32[8] = positive(3)                uniform in 0.5..1.5
 *   const %k: int64[2] = {1, -1}                      literal; a scalar is float32[] = 0.5
 *   const %m: float32[4096,4096] = expr Transpose(%w) {perm=[1,0]}           printed only
 *   const %q: float32[64,64] = ... affine int8 float32 symmetric axis=0      printed only: not the numbers
 *   %c, %d = Conv(%x, %w, _) {pads=[1,1,1,1], auto_pad="NOTSET"}       _ is an absent input or output
 *   %y: float32[...] = Relu(%c)                       a type after the name is optional and is checked by nobody
 *   %h = Softmax@float32(%y) {axis=-1}                the node computes in float32
 *   %s = ConstantOfShape(%k) {value=float32[1]{0.5}}  a tensor
 *   %z = If(%c) {then_branch={ ...statements... output %a }, else_branch={ ... }}
 *   output %y                                         or: output "name" = %y
 *
 * White space, ends of lines too, only separates. Names are [A-Za-z0-9_./:'-]+ after % (they may hold colons: leave a
 * space before a type), or quoted: %"any text" with the escapes of ir/quote.h. Dimensions are written as qn_dim_format does. An attribute has the kind that schemas/ops.def
 * gives it (to=float16 is the code of float16); one that the op has not is an int, float, string or list by its looks.
 * A parsed node is called by its first output. The fan-in of random is the first dimension of a matrix [K, N], the
 * product of all but the first of a larger tensor [M, C, ...], 1 otherwise; integers are uniform in -8..8 or 0..8 and
 * booleans even. The same seed gives the same bits everywhere.
 */
#ifndef QN_IR_TEXT_H
#define QN_IR_TEXT_H

#include "base/buf.h"
#include "ir/graph.h"

/** Print; constants over 16 elements as "..." with their encoding, each before its first use. */
QN_MUST_USE qn_status qn_graph_print(qn_context *ctx, const qn_graph *graph, qn_buf *out);

/** Parse one graph. QN_MALFORMED (QN_UNSUPPORTED for subgraphs nested too deep and for constants over 2^26 elements)
 *  gives line and column. Every name must be defined before its use. What only the checker can tell is not looked at. */
QN_MUST_USE qn_status qn_graph_parse(qn_context *ctx, const char *text, qn_graph **out);

#endif
