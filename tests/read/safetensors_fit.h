/* A safetensors file around a header that may be broken: for fuzz targets and their seeds. */
#ifndef QN_TESTS_READ_SAFETENSORS_FIT_H
#define QN_TESTS_READ_SAFETENSORS_FIT_H

#include "base/buf.h"

/** The header's length, the header, and zeros up to the largest number that ends a data_offsets (at most 64 KiB). */
qn_buf st_fit(const void *header, size_t n);

#endif
