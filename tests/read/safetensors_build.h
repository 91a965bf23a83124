/* Writing safetensors files byte by byte, also broken ones. */
#ifndef QN_TESTS_READ_SAFETENSORS_BUILD_H
#define QN_TESTS_READ_SAFETENSORS_BUILD_H

#include "base/buf.h"

/** The header's length, the header as it is, and n bytes of elements (NULL: 0, 1, 2, ...). qn_buf_free it. */
qn_buf st_file(const char *header, const void *elements, size_t n);
/** A file of one float32 [1] for each name of "a,b,c", holding 1, 2, 3. */
qn_buf st_names(const char *names);

/** A folder of that name in this run's folder, made when it is not there; path[256]. */
void st_folder(const char *name, char *path);
/** Write the file `name` of a folder; the test fails when that fails. */
void st_write(const char *folder, const char *name, const void *data, size_t n);
void st_write_text(const char *folder, const char *name, const char *text);
/** Write and free. */
void st_write_buf(const char *folder, const char *name, qn_buf buf);

#endif
