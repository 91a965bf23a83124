/* Files mapped for reading. */
#include "base/map.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

struct qn_map {
    char *path;
    void *data; /* MAP_FAILED when the file is empty */
    size_t n_bytes;
    int fd;     /* kept for qn_map_read; -1: not */
    qn_map *prev, *next;
};

/* Descriptors are few, shards may be many. */
enum { MAX_KEPT = 64 };
static int g_kept;

/* All open maps: qn_map_release must not touch memory that is not a file's (its pages would turn to zeros). */
static pthread_mutex_t g_lock = PTHREAD_MUTEX_INITIALIZER;
static qn_map *g_maps;

static void enlist(qn_map *map) {
    pthread_mutex_lock(&g_lock);
    map->next = g_maps;
    if (g_maps)
        g_maps->prev = map;
    g_maps = map;
    pthread_mutex_unlock(&g_lock);
}

static void delist(qn_map *map) {
    pthread_mutex_lock(&g_lock);
    if (map->prev)
        map->prev->next = map->next;
    else if (g_maps == map)
        g_maps = map->next;
    if (map->next)
        map->next->prev = map->prev;
    pthread_mutex_unlock(&g_lock);
}

static const uint8_t g_empty[1];

static void drop_descriptor(qn_map *map) {
    if (map->fd < 0)
        return;
    close(map->fd);
    map->fd = -1;
    __atomic_sub_fetch(&g_kept, 1, __ATOMIC_RELAXED);
}

/* Takes the descriptor over. */
static qn_status map_descriptor(qn_context *ctx, const char *path, int fd, qn_map **out) {
    struct stat st;
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        const char *why = S_ISDIR(st.st_mode) ? "is a folder" : "is not a regular file";
        close(fd);
        return qn_fail(ctx, QN_SYSTEM, "%s: %s", path, why);
    }
    qn_map *map = calloc(1, sizeof *map);
    char *copy = strdup(path);
    if (!map || !copy) {
        free(map);
        free(copy);
        close(fd);
        return qn_fail_memory(ctx, sizeof *map, "a mapped file");
    }
    map->path = copy;
    map->n_bytes = (size_t)st.st_size;
    map->data = MAP_FAILED;
    if (map->n_bytes)
        map->data = mmap(NULL, map->n_bytes, PROT_READ, MAP_PRIVATE, fd, 0);
    int why = errno;
    map->fd = fd;
    if (__atomic_add_fetch(&g_kept, 1, __ATOMIC_RELAXED) > MAX_KEPT)
        drop_descriptor(map);
    if (map->n_bytes && map->data == MAP_FAILED) {
        qn_map_close(map);
        return qn_fail(ctx, QN_SYSTEM, "%s: cannot map: %s", path, strerror(why));
    }
    enlist(map);
    *out = map;
    return QN_OK;
}

qn_status qn_map_open(qn_context *ctx, const char *path, qn_map **out) {
    *out = NULL;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a pipe without a writer would be waited for */
    if (fd < 0)
        return qn_fail(ctx, QN_SYSTEM, "%s: cannot open: %s", path, strerror(errno));
    return map_descriptor(ctx, path, fd, out);
}

qn_status qn_map_open_file(qn_context *ctx, const char *path, int fd, qn_map **out) {
    *out = NULL;
    int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    if (copy < 0)
        return qn_fail(ctx, QN_SYSTEM, "%s: cannot map: %s", path, strerror(errno));
    return map_descriptor(ctx, path, copy, out);
}

void qn_map_close(qn_map *map) {
    if (!map)
        return;
    delist(map);
    if (map->data != MAP_FAILED)
        munmap(map->data, map->n_bytes);
    drop_descriptor(map);
    free(map->path);
    free(map);
}

const uint8_t *qn_map_data(const qn_map *map) { return map->data == MAP_FAILED ? g_empty : map->data; }
size_t qn_map_bytes(const qn_map *map) { return map->n_bytes; }
const char *qn_map_path(const qn_map *map) { return map->path; }

/* The open file that holds [data, data + n), and where in it; -1: none. The caller's mapping keeps it open. */
static int find_descriptor(uintptr_t at, size_t n, off_t *offset) {
    int fd = -1;
    pthread_mutex_lock(&g_lock);
    for (const qn_map *map = g_maps; map && fd < 0; map = map->next) {
        const uintptr_t begin = (uintptr_t)map->data;
        if (map->data == MAP_FAILED || at < begin || at - begin > map->n_bytes || n > map->n_bytes - (at - begin))
            continue;
        fd = map->fd;
        *offset = (off_t)(at - begin);
    }
    pthread_mutex_unlock(&g_lock);
    return fd;
}

bool qn_map_read(const void *data, size_t n, void *out) {
    off_t offset = 0;
    const int fd = find_descriptor((uintptr_t)data, n, &offset);
    char *to = out;
    while (fd >= 0 && n > 0) {
        const ssize_t done = pread(fd, to, n, offset);
        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            return false;
        to += done;
        offset += done;
        n -= (size_t)done;
    }
    return fd >= 0;
}

void qn_map_release(const void *data, size_t n) {
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), at = (uintptr_t)data;
    pthread_mutex_lock(&g_lock);
    for (const qn_map *map = g_maps; map; map = map->next) {
        uintptr_t begin = (uintptr_t)map->data, end = begin + map->n_bytes;
        if (map->data == MAP_FAILED || at < begin || at >= end || n > end - at)
            continue;
        uintptr_t from = (at + page - 1) & ~(page - 1), to = (at + n) & ~(page - 1);
        if (from < to)
            (void)madvise((void *)from, to - from, MADV_DONTNEED);
        break;
    }
    pthread_mutex_unlock(&g_lock);
}
