#include "read/npy.h"

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/dtype.h"
#include "base/half.h"
#include "base/map.h"
#include "read/npy_header.h"

/* Reverse the bytes of each element. */
static void swap_bytes(uint8_t *data, size_t n_bytes, size_t size) {
    for (uint8_t *p = data, *end = data + n_bytes; p < end; p += size)
        for (size_t i = 0; i < size / 2; i++) {
            uint8_t t = p[i];
            p[i] = p[size - 1 - i];
            p[size - 1 - i] = t;
        }
}

/* dst in C order from src in Fortran order: element (i0, i1, ...) of src is at sum of i_k * prod(dims[0..k)). */
static void from_fortran(uint8_t *dst, const uint8_t *src, const qn_tensor *t, size_t n, size_t size) {
    int64_t index[QN_MAX_RANK] = {0};
    size_t stride[QN_MAX_RANK] = {0}, at = 0, step = 1;
    for (int32_t k = 0; k < t->rank; k++) {
        stride[k] = step;
        step *= (size_t)t->dims[k];
    }
    for (size_t i = 0; i < n; i++) {
        memcpy(dst + i * size, src + at * size, size);
        for (int32_t k = t->rank - 1; k >= 0; k--) {
            at += stride[k];
            if (++index[k] < t->dims[k])
                break;
            at -= stride[k] * (size_t)t->dims[k];
            index[k] = 0;
        }
    }
}

qn_status qn_npy_parse(qn_context *ctx, qn_arena *arena, const char *name, const void *data, size_t n_bytes,
                       qn_tensor *out) {
    qn_npy_header header;
    QN_TRY(qn_npy_parse_header(ctx, name, data, n_bytes, &header));
    qn_tensor t = header.tensor;
    size_t size = qn_dtype_bytes(t.dtype), have = n_bytes - header.n_bytes;
    if (have != t.n_bytes)
        return qn_fail(ctx, QN_MALFORMED, "%s: %zu bytes of elements, the shape needs %zu", name, have, t.n_bytes);
    const uint8_t *elems = (const uint8_t *)data + header.n_bytes;
    t.data = qn_arena_alloc(arena, t.n_bytes);
    if (!t.data)
        return qn_fail_memory(ctx, t.n_bytes, name);
    if (header.fortran_order && t.n_bytes)
        from_fortran(t.data, elems, &t, t.n_bytes / size, size);
    else if (t.n_bytes)
        memcpy(t.data, elems, t.n_bytes);
    if (header.big_endian)
        swap_bytes(t.data, t.n_bytes, size);
    if (t.dtype == QN_BOOL) {
        uint8_t *b = t.data;
        for (size_t i = 0; i < t.n_bytes; i++)
            b[i] = b[i] != 0;
    }
    *out = t;
    return QN_OK;
}

qn_status qn_npy_read(qn_context *ctx, qn_arena *arena, const char *path, qn_tensor *out) {
    qn_map *map;
    QN_TRY(qn_map_open(ctx, path, &map));
    qn_status status = qn_npy_parse(ctx, arena, path, qn_map_data(map), qn_map_bytes(map), out);
    qn_map_close(map);
    return status;
}

/* Header of version 1.0: padded with spaces so that the elements start on a multiple of 64 bytes. */
static void put_header(qn_buf *out, const char *descr, const qn_tensor *t) {
    qn_buf dict = QN_BUF_INIT;
    qn_buf_printf(&dict, "{'descr': '%s', 'fortran_order': False, 'shape': (", descr);
    for (int32_t i = 0; i < t->rank; i++)
        qn_buf_printf(&dict, "%s%lld", i ? ", " : "", (long long)t->dims[i]);
    qn_buf_puts(&dict, t->rank == 1 ? ",), }" : "), }");
    while ((QN_NPY_PREFIX + dict.n + 1) % 64 && !dict.failed)
        qn_buf_puts(&dict, " ");
    qn_buf_puts(&dict, "\n");
    uint8_t length[2] = {(uint8_t)(dict.n & 0xff), (uint8_t)(dict.n >> 8)};
    qn_buf_append(out, "\x93NUMPY\x01\x00", 8);
    qn_buf_append(out, length, 2);
    qn_buf_append(out, dict.data, dict.n);
    out->failed = out->failed || dict.failed;
    qn_buf_free(&dict);
}

/* Elements as they are, or bfloat16 widened chunk by chunk. */
static qn_status write_elems(qn_context *ctx, qn_outfile *file, uint64_t at, const qn_tensor *t) {
    if (t->dtype != QN_BF16)
        return t->n_bytes ? qn_outfile_write(ctx, file, at, t->data, t->n_bytes) : QN_OK;
    enum { CHUNK = 4096 };
    uint16_t half[CHUNK];
    float wide[CHUNK];
    for (size_t done = 0, n = t->n_bytes / 2; done < n;) {
        size_t some = n - done < CHUNK ? n - done : CHUNK;
        memcpy(half, (const uint8_t *)t->data + done * 2, some * 2);
        qn_bf16_to_f32_n(half, wide, some);
        QN_TRY(qn_outfile_write(ctx, file, at + done * 4, wide, some * 4));
        done += some;
    }
    return QN_OK;
}

qn_status qn_npy_write(qn_context *ctx, const char *path, const qn_tensor *tensor) {
    const qn_dtype_info *row = qn_dtype_row(tensor->dtype == QN_BF16 ? QN_F32 : tensor->dtype);
    char descr[8];
    if (!row)
        return qn_fail(ctx, QN_USAGE, "%s: a tensor without a dtype", path);
    snprintf(descr, sizeof descr, "%c%s", row->bits == 8 ? '|' : '<', row->npy);
    qn_buf header = QN_BUF_INIT;
    put_header(&header, descr, tensor);
    qn_outfile *file = NULL;
    qn_status status = qn_buf_check(ctx, &header);
    if (status == QN_OK)
        status = qn_outfile_create(ctx, path, &file);
    if (status == QN_OK)
        status = qn_outfile_write(ctx, file, 0, header.data, header.n);
    if (status == QN_OK)
        status = write_elems(ctx, file, header.n, tensor);
    qn_buf_free(&header);
    if (status == QN_OK)
        return qn_outfile_commit(ctx, file);
    if (file)
        qn_outfile_destroy(file);
    return status;
}
