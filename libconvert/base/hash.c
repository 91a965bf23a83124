#include "base/hash.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

enum { PIECE = 1 << 18, WINDOW = 4 << 20 };

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

/* Windows of the file, mapped one after the other: a third of the time that copying through read takes. What cannot be
 * mapped is left to read: *at is how far it went. */
static qn_status hash_mapping(qn_context *ctx, int fd, off_t n_bytes, XXH3_state_t *state, off_t *at) {
    while (*at < n_bytes) {
        size_t n = n_bytes - *at < WINDOW ? (size_t)(n_bytes - *at) : WINDOW;
        void *window = mmap(NULL, n, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, *at);
        if (window == MAP_FAILED)
            break;
        XXH3_128bits_update(state, window, n);
        (void)munmap(window, n);
        *at += (off_t)n;
        QN_TRY(qn_check_cancel(ctx));
    }
    return QN_OK;
}

static qn_status hash_fd(qn_context *ctx, const char *path, int fd, XXH3_state_t *state) {
    struct stat st;
    off_t at = 0;
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
        QN_TRY(hash_mapping(ctx, fd, st.st_size, state, &at));
    if (lseek(fd, at, SEEK_SET) < 0 && at > 0)
        return qn_fail(ctx, QN_SYSTEM, "%s: cannot read: %s", path, strerror(errno));
    return hash_reading(ctx, path, fd, state);
}

qn_status qn_hash_file(qn_context *ctx, const char *path, qn_hash *out) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return qn_fail(ctx, QN_SYSTEM, "%s: cannot open: %s", path, strerror(errno));
    XXH3_state_t *state = XXH3_createState();
    qn_status status = state ? QN_OK : qn_fail_memory(ctx, sizeof *out, "hashing");
    if (status == QN_OK) {
        XXH3_128bits_reset(state);
        status = hash_fd(ctx, path, fd, state);
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
