#include "base/hash.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xxhash.h>

enum { PIECE = 1 << 20 };

qn_hash qn_hash_bytes(const void *data, size_t n) {
    XXH128_hash_t h = XXH3_128bits(data, n);
    return (qn_hash){h.low64, h.high64};
}

static qn_status hash_fd(qn_context *ctx, const char *path, int fd, void *piece, XXH3_state_t *state) {
    for (;;) {
        QN_TRY(qn_check_cancel(ctx));
        ssize_t n = read(fd, piece, PIECE);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return qn_fail(ctx, QN_SYSTEM, "%s: cannot read: %s", path, strerror(errno));
        if (n == 0)
            return QN_OK;
        XXH3_128bits_update(state, piece, (size_t)n);
    }
}

qn_status qn_hash_file(qn_context *ctx, const char *path, qn_hash *out) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return qn_fail(ctx, QN_SYSTEM, "%s: cannot open: %s", path, strerror(errno));
    void *piece = malloc(PIECE);
    XXH3_state_t *state = XXH3_createState();
    qn_status status = QN_OK;
    if (!piece || !state)
        status = qn_fail_memory(ctx, PIECE, "hashing");
    if (status == QN_OK) {
        XXH3_128bits_reset(state);
        status = hash_fd(ctx, path, fd, piece, state);
    }
    if (status == QN_OK) {
        XXH128_hash_t h = XXH3_128bits_digest(state);
        *out = (qn_hash){h.low64, h.high64};
    }
    XXH3_freeState(state);
    free(piece);
    close(fd);
    return status;
}

void qn_hash_format(qn_hash hash, char text[64]) {
    snprintf(text, 64, "xxh3-128:%016llx%016llx", (unsigned long long)hash.high, (unsigned long long)hash.low);
}
