/* The graph as text, and back.
 *
 *   # comment to the end of the line
 *   input  %x: float32[batch,3,224,224]
 *   const  %w: float32[8,3,3,3] = random(7)         normal numbers / sqrt(fan-in), from this seed
 *   const  %v: float32[8] = positive(3)              uniform in 0.5..1.5
 *   const  %k: int64[2] = {1, -1}                    literal; a scalar is float32[] = 0.5
 *   const  %m: float32[4096,4096] = expr Transpose(%w) {perm=[1,0]}    printed only
 *   %c, %d = Conv(%x, %w, _) {pads=[1,1,1,1], auto_pad="NOTSET"}       _ is an absent input
 *   %y: float32[...] = Relu(%c)                      a type after the name is optional and is checked by nobody
 *   %z = If(%c) {then_branch={ ...lines... output %a }, else_branch={ ... }}
 *   output %y                                         or: output "name" = %y
 *
 * Names are [A-Za-z0-9_./:'-]+ after %, or quoted: %"any text".
 */
#ifndef QN_IR_TEXT_H
#define QN_IR_TEXT_H

#include "base/buf.h"
#include "ir/graph.h"

/** Print; constants over 16 elements as "..." with their encoding. */
QN_MUST_USE qn_status qn_graph_print(qn_context *ctx, const qn_graph *graph, qn_buf *out);

/** Parse one graph. QN_MALFORMED gives line and column. Every name must be defined before its use. */
QN_MUST_USE qn_status qn_graph_parse(qn_context *ctx, const char *text, qn_graph **out);

#endif
