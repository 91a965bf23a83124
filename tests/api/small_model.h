/* A model for the tests of the public interface, as ONNX bytes and as a file:
 *
 *     x [batch,seq,64] float32 ── MatMul w1 [64,128] ── Add b1 [128] ── Relu ── MatMul w2 [128,10] ── y [batch,seq,10]
 *     ids [batch,seq] int64 ── Gather from table [2,64] ── Add to x
 */
#ifndef QN_TESTS_API_SMALL_MODEL_H
#define QN_TESTS_API_SMALL_MODEL_H

#include "base/buf.h"

/** 64*128 + 128 + 128*10 + 2*64 */
enum { SMALL_PARAMETERS = 9728 };

/** The bytes; qn_buf_free. */
qn_buf small_model(void);
/** Written into the tests' folder as `name`; the path is in path[256]. */
void small_model_file(const char *name, char *path);
void small_write(const char *path, const void *data, size_t n);

#endif
