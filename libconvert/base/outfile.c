/* Files written whole or not at all.
 *
 * The bytes go into a file that has no name (O_TMPFILE), so that whatever ends the process, even SIGKILL, leaves
 * nothing behind; on commit it gets a temporary name and is renamed over the target. Where the file system has no
 * unnamed files, the temporary name is there from the start.
 */
#include "base/map.h"

#include "base/path.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* Bytes written between two calls that start putting them on disk. */
#define WRITEBACK ((uint64_t)8 << 20)

struct qn_outfile {
    char *path, *temporary;
    int fd;
    int slot;
    uint64_t unsynced; /* bytes since the last such call; atomic */
    bool named; /* the temporary name is in the folder */
};

/* Temporaries in the making, for qn_outfile_unlink_all: slots that a signal handler may read at any moment. */
enum { MAX_OPEN = 64 };
static char *volatile g_temporaries[MAX_OPEN];
static pthread_mutex_t g_lock = PTHREAD_MUTEX_INITIALIZER;

static int take_slot(char *temporary) {
    int slot = -1;
    pthread_mutex_lock(&g_lock);
    for (int i = 0; i < MAX_OPEN && slot < 0; i++)
        if (!g_temporaries[i]) {
            g_temporaries[i] = temporary;
            slot = i;
        }
    pthread_mutex_unlock(&g_lock);
    return slot;
}

static void give_slot(int slot) {
    if (slot >= 0)
        g_temporaries[slot] = NULL;
}

void qn_outfile_unlink_all(void) {
    for (int i = 0; i < MAX_OPEN; i++) {
        const char *path = g_temporaries[i];
        if (path)
            (void)unlink(path);
    }
}

static void release(qn_outfile *f) {
    give_slot(f->slot);
    if (f->fd >= 0)
        close(f->fd);
    free(f->temporary);
    free(f->path);
    free(f);
}

/* An unnamed file in the folder of `path`; -1 when the file system has none. */
static int open_unnamed(const char *path) {
    char *folder = qn_path_folder(path);
    int fd = folder ? open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0666) : -1;
    free(folder);
    return fd;
}

static bool give_name(qn_outfile *f) {
    char self[64];
    if (f->named)
        return true;
    snprintf(self, sizeof self, "/proc/self/fd/%d", f->fd);
    f->named = linkat(AT_FDCWD, self, AT_FDCWD, f->temporary, AT_SYMLINK_FOLLOW) == 0;
    return f->named;
}

qn_status qn_outfile_create(qn_context *ctx, const char *path, qn_outfile **out) {
    static unsigned counter;
    *out = NULL;
    qn_outfile *f = calloc(1, sizeof *f);
    if (!f)
        return qn_fail_memory(ctx, sizeof *f, "an output file");
    f->fd = f->slot = -1;
    size_t n = strlen(path) + 64;
    f->path = strdup(path);
    f->temporary = malloc(n);
    if (!f->path || !f->temporary) {
        release(f);
        return qn_fail_memory(ctx, n, "an output file");
    }
    struct stat st;
    if (stat(path, &st) == 0 && !S_ISREG(st.st_mode)) { /* a rename would put a file in the place of a device */
        release(f);
        return qn_fail(ctx, QN_SYSTEM, "%s: %s", path, S_ISDIR(st.st_mode) ? "is a folder" : "is not a regular file");
    }
    snprintf(f->temporary, n, "%s.tmp-%ld-%u", path, (long)getpid(), __atomic_add_fetch(&counter, 1, __ATOMIC_RELAXED));
    /* The slot first: between open and a slot taken late, a signal would leave the file behind. */
    f->slot = take_slot(f->temporary);
    if (f->slot < 0) {
        release(f);
        return qn_fail(ctx, QN_SYSTEM, "%s: more than %d files in the making", path, MAX_OPEN);
    }
    f->fd = open_unnamed(path);
    if (f->fd < 0) {
        f->fd = open(f->temporary, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        f->named = f->fd >= 0;
    }
    if (f->fd < 0) {
        int why = errno;
        release(f);
        return qn_fail(ctx, QN_SYSTEM, "%s: cannot create: %s", path, strerror(why));
    }
    *out = f;
    return QN_OK;
}

qn_status qn_outfile_create_unnamed(qn_context *ctx, const char *beside, qn_outfile **out, const char **place) {
    static const char *const places[] = {"beside it", "in /var/tmp", "in memory"};
    int where = 0;
    *out = NULL;
    qn_outfile *f = calloc(1, sizeof *f);
    if (!f)
        return qn_fail_memory(ctx, sizeof *f, "a temporary file");
    f->slot = -1;
    f->path = strdup(beside ? beside : "temporary file");
    f->fd = beside ? open_unnamed(beside) : -1;
    if (f->fd < 0 && beside && ++where)
        f->fd = open_unnamed("/var/tmp/.");
    if (f->fd < 0) {
        where = 2;
        f->fd = memfd_create("quern", MFD_CLOEXEC);
    }
    if (!f->path || f->fd < 0) {
        int why = errno;
        release(f);
        return qn_fail(ctx, QN_SYSTEM, "%s: cannot create a temporary file: %s", beside ? beside : "memory", strerror(why));
    }
    if (place)
        *place = places[where];
    *out = f;
    return QN_OK;
}

qn_status qn_outfile_map(qn_context *ctx, const qn_outfile *f, const char *path, qn_map **out) {
    return qn_map_open_file(ctx, path, f->fd, out);
}

qn_status qn_outfile_reserve(qn_context *ctx, qn_outfile *f, uint64_t n_bytes) {
    if (n_bytes == 0)
        return QN_OK;
    if (n_bytes > (uint64_t)INT64_MAX)
        return qn_fail(ctx, QN_SYSTEM, "%s: larger than a file may be", f->path);
    int done;
    do
        done = fallocate(f->fd, FALLOC_FL_KEEP_SIZE, 0, (off_t)n_bytes);
    while (done != 0 && errno == EINTR);
    if (done != 0 && (errno == ENOSPC || errno == EDQUOT || errno == EFBIG))
        return qn_fail(ctx, QN_SYSTEM, "%s: cannot reserve %llu bytes: %s", f->path, (unsigned long long)n_bytes,
                       strerror(errno));
    return QN_OK; /* a file system that cannot reserve can still write */
}

/* Have the system begin to put on disk what was written, now and then, so that the sync at the end waits for little. */
static void start_writeback(qn_outfile *f, uint64_t n) {
    if (f->slot < 0) /* an unnamed file need never be on disk */
        return;
    if (__atomic_add_fetch(&f->unsynced, n, __ATOMIC_RELAXED) < WRITEBACK)
        return;
    __atomic_store_n(&f->unsynced, 0, __ATOMIC_RELAXED);
    (void)sync_file_range(f->fd, 0, 0, SYNC_FILE_RANGE_WRITE);
}

qn_status qn_outfile_write(qn_context *ctx, qn_outfile *f, uint64_t offset, const void *data, size_t n) {
    const char *at = data;
    if (offset > (uint64_t)INT64_MAX - n)
        return qn_fail(ctx, QN_SYSTEM, "%s: larger than a file may be", f->path);
    while (n) {
        ssize_t done = pwrite(f->fd, at, n, (off_t)offset);
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return qn_fail(ctx, QN_SYSTEM, "%s: cannot write: %s", f->path, strerror(errno));
        at += done;
        offset += (uint64_t)done;
        n -= (size_t)done;
    }
    start_writeback(f, (uint64_t)(at - (const char *)data));
    return QN_OK;
}

qn_status qn_outfile_commit(qn_context *ctx, qn_outfile *f) {
    qn_status status = QN_OK;
    if (fdatasync(f->fd) != 0 && errno != EINVAL && errno != EROFS)
        status = qn_fail(ctx, QN_SYSTEM, "%s: cannot sync: %s", f->path, strerror(errno));
    if (status == QN_OK && !give_name(f))
        status = qn_fail(ctx, QN_SYSTEM, "%s: cannot name the temporary: %s", f->path, strerror(errno));
    if (status == QN_OK && rename(f->temporary, f->path) != 0)
        status = qn_fail(ctx, QN_SYSTEM, "%s: cannot rename to it: %s", f->path, strerror(errno));
    if (status != QN_OK && f->named)
        (void)unlink(f->temporary);
    release(f);
    return status;
}

void qn_outfile_destroy(qn_outfile *f) {
    if (!f)
        return;
    if (f->named)
        (void)unlink(f->temporary);
    release(f);
}

qn_status qn_read_file(qn_context *ctx, const char *path, size_t limit, char **data, size_t *n_bytes) {
    *data = NULL;
    *n_bytes = 0;
    qn_map *map;
    QN_TRY(qn_map_open(ctx, path, &map));
    size_t n = qn_map_bytes(map);
    qn_status status = QN_OK;
    char *copy = NULL;
    if (n > limit)
        status = qn_fail(ctx, QN_MALFORMED, "%s: %zu bytes, more than the %zu that such a file may have", path, n, limit);
    else if (!(copy = malloc(n + 1)))
        status = qn_fail_memory(ctx, n + 1, path);
    if (copy) {
        memcpy(copy, qn_map_data(map), n);
        copy[n] = 0;
        *data = copy;
        *n_bytes = n;
    }
    qn_map_close(map);
    return status;
}
