#include "base/hash.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xxhash.h>

enum { PIECE = 1 << 18 };

qn_hash qn_hash_bytes(const void *data, size_t n) {
    XXH128_hash_t h = XXH3_128bits(data, n);
    return (qn_hash){h.low64, h.high64};
}

static qn_status hash_reading(qn_context *ctx, const char *path, int fd, XXH3_state_t *state) {
    void *piece = malloc(PIECE);
    qn_status status = piece ? QN_OK : qn_fail_memory(ctx, PIECE, "hashing");
    while (status == QN_OK) {
        ssize_t n = read(fd, piece, PIECE);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            status = qn_fail(ctx, QN_SYSTEM, "%s: cannot read: %s", path, strerror(errno));
        if (n <= 0)
            break;
        XXH3_128bits_update(state, piece, (size_t)n);
        status = qn_check_cancel(ctx);
    }
    free(piece);
    return status;
}

qn_status qn_hash_file(qn_context *ctx, const char *path, qn_hash *out) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return qn_fail(ctx, QN_SYSTEM, "%s: cannot open: %s", path, strerror(errno));
    XXH3_state_t *state = XXH3_createState();
    qn_status status = state ? QN_OK : qn_fail_memory(ctx, sizeof *out, "hashing");
    if (status == QN_OK) {
        XXH3_128bits_reset(state);
        status = hash_reading(ctx, path, fd, state);
    }
    if (status == QN_OK) {
        XXH128_hash_t h = XXH3_128bits_digest(state);
        *out = (qn_hash){h.low64, h.high64};
    }
    XXH3_freeState(state);
    close(fd);
    return status;
}

void qn_hash_format(qn_hash hash, char text[64]) {
    snprintf(text, 64, "xxh3-128:%016llx%016llx", (unsigned long long)hash.high, (unsigned long long)hash.low);
}

/* CRC-32 works on polynomials over GF(2) modulo x^32 + x^26 + ... + 1, the coefficient of x^0 in the top bit. Bytes that
 * follow multiply the remainder so far by x^8 each, and what the conditioning at both ends adds cancels out:
 * crc(a b) = crc(a) x^(8 |b|) + crc(b). */
static uint32_t multiply(uint32_t a, uint32_t b) {
    uint32_t product = 0;
    for (uint32_t bit = 1u << 31; bit; bit >>= 1) {
        if (a & bit)
            product ^= b;
        b = b & 1 ? b >> 1 ^ 0xedb88320u : b >> 1;
    }
    return product;
}

uint32_t qn_crc32_join(uint32_t first, uint32_t second, uint64_t n_second) {
    uint32_t power = 1u << 23; /* x^8, then x^16, x^32 ... */
    for (uint64_t n = n_second; n; n >>= 1) {
        if (n & 1)
            first = multiply(first, power);
        power = multiply(power, power);
    }
    return first ^ second;
}
