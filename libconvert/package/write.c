/* Graphs to packages: layout first, then fill.
 *
 * Every offset follows from names, shapes and encodings, so the file is laid out before any weight is read. Each entry
 * is then an independent job: its bytes are streamed in pieces of at most 1 MiB to their place, its CRC is computed on
 * the way, its local header is written last. Which thread does which job changes nothing in the file.
 */
#include <inttypes.h>
#include <libdeflate.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/map.h"
#include "base/pool.h"
#include "ir/check.h"
#include "package/shipped.h"
#include "package/write.h"

enum { PIECE = 1 << 20, DIRECT = PIECE / 16 };

typedef struct job {
    qn_context *ctx;
    qn_outfile *file;
    qn_message *message;
    qn_fill fill;
    void *user;
    const qn_provenance *hash;     /* whose files are to be hashed, or NULL */
    int64_t n_hashes;              /* jobs that do that, before those of the entries */
    uint64_t total;                /* bytes of all entries */
    _Atomic uint64_t done;
    _Atomic int status;            /* the first failure; QN_OK: none */
    struct worker {
        uint8_t *buffer;           /* PIECE bytes, on first use */
        qn_arena *arena;
    } *workers;
} job;

/** Where the bytes of one constant go. */
typedef struct sink {
    job *job;
    qn_zip_entry *entry;
    const qn_const *c;
    size_t offset[QN_MAX_PARTS];
    int part;                      /* being written */
    uint64_t at;                   /* bytes of the entry that have come, padding included */
    uint64_t end;                  /* where the part ends */
    uint8_t *buffer;
    size_t n_buffer;               /* bytes held, those before `at` */
    bool reports;                  /* on the caller's thread: may call its callbacks */
} sink;

static qn_status flush(sink *s, const void *data, size_t n) {
    job *j = s->job;
    s->entry->crc = libdeflate_crc32(s->entry->crc, data, n);
    QN_TRY(qn_outfile_write(j->ctx, j->file, s->entry->data + (s->at - n), data, n));
    uint64_t done = atomic_fetch_add(&j->done, n) + n;
    if (atomic_load(&j->status) != QN_OK)
        return QN_CANCELLED; /* another job has failed, and its message stands */
    if (s->reports) {
        qn_progress(j->ctx, "writing", done, j->total);
        QN_TRY(qn_check_cancel(j->ctx));
    }
    return QN_OK;
}

static qn_status flush_buffer(sink *s) {
    size_t n = s->n_buffer;
    s->n_buffer = 0;
    return n ? flush(s, s->buffer, n) : QN_OK;
}

/** n bytes at the end of what has come; `data` NULL: zeros. Large pieces go past the buffer. */
static qn_status push(sink *s, const uint8_t *data, size_t n) {
    while (n > 0) {
        if (data && n >= DIRECT) {
            size_t direct = n < PIECE ? n : PIECE;
            QN_TRY(flush_buffer(s));
            s->at += direct;
            QN_TRY(flush(s, data, direct));
            data += direct;
            n -= direct;
            continue;
        }
        size_t take = n < PIECE - s->n_buffer ? n : PIECE - s->n_buffer;
        if (data)
            memcpy(s->buffer + s->n_buffer, data, take);
        else
            memset(s->buffer + s->n_buffer, 0, take);
        s->n_buffer += take;
        s->at += take;
        if (s->n_buffer == PIECE)
            QN_TRY(flush_buffer(s));
        data = data ? data + take : NULL;
        n -= take;
    }
    return QN_OK;
}

/** Make `part` the one being written: every part before it must be complete. */
static qn_status enter_part(sink *s, int part) {
    while (s->part < part) {
        size_t n;
        if (s->at != s->end)
            return qn_fail(s->job->ctx, QN_USAGE, "constant '%s': part %d is filled with too few bytes", s->c->name, s->part);
        s->part++;
        if (qn_const_part_bytes(s->c, s->part, &n) && n > 0) {
            QN_TRY(push(s, NULL, s->offset[s->part] - (size_t)s->at));
            s->end = s->at + n;
        }
    }
    return QN_OK;
}

static qn_status write_part(void *arg, int part, const void *data, size_t n) {
    sink *s = arg;
    if (part < s->part || part >= QN_MAX_PARTS)
        return qn_fail(s->job->ctx, QN_USAGE, "constant '%s': part %d is filled out of order", s->c->name, part);
    QN_TRY(enter_part(s, part));
    if (n > s->end - s->at)
        return qn_fail(s->job->ctx, QN_USAGE, "constant '%s': part %d is filled with too many bytes", s->c->name, part);
    return push(s, data, n);
}

static qn_status fill_entry(job *j, int64_t i, int worker) {
    struct worker *w = &j->workers[worker];
    sink s = {.job = j, .entry = &j->message->entries[i], .c = j->message->filled[i], .reports = worker == 0};
    size_t n;
    if (!w->buffer)
        w->buffer = malloc(PIECE);
    if (!w->arena)
        w->arena = qn_arena_create();
    if (!w->buffer || !w->arena)
        return qn_fail_memory(j->ctx, PIECE, "a piece of the package");
    s.buffer = w->buffer;
    if (!qn_const_layout(s.c, s.offset, &n) || !qn_const_part_bytes(s.c, 0, &n))
        return qn_fail(j->ctx, QN_UNSUPPORTED, "constant '%s': its size does not fit 63 bits", s.c->name);
    s.end = n;
    qn_status status = j->fill(j->user, j->ctx, w->arena, s.c, write_part, &s);
    qn_arena_reset(w->arena);
    QN_TRY(status);
    QN_TRY(enter_part(&s, QN_MAX_PARTS - 1));
    if (s.at != s.entry->n_bytes)
        return qn_fail(j->ctx, QN_USAGE, "constant '%s' is filled with too few bytes", s.c->name);
    QN_TRY(flush_buffer(&s));
    return qn_zip_write_local(j->ctx, j->file, s.entry);
}

static qn_status hash_source(const job *j, int64_t i) {
    qn_hash hash;
    QN_TRY(qn_hash_file(j->ctx, j->hash->source_paths[i], &hash));
    qn_hash_format(hash, j->hash->hashes_made[i]);
    return QN_OK;
}

static void do_jobs(void *arg, int64_t begin, int64_t end, int worker) {
    job *j = arg;
    for (int64_t i = begin; i < end && atomic_load(&j->status) == QN_OK; i++) {
        int none = QN_OK, status = (int)(i < j->n_hashes ? hash_source(j, i) : fill_entry(j, i - j->n_hashes + 1, worker));
        if (status != QN_OK)
            atomic_compare_exchange_strong(&j->status, &none, status);
    }
}

/** The weights of a laid-out message into the file. */
static qn_status fill_weights(job *j) {
    int n = qn_pool_threads(j->ctx);
    j->workers = calloc((size_t)n, sizeof *j->workers);
    if (!j->workers)
        return qn_fail_memory(j->ctx, (size_t)n * sizeof *j->workers, "the workers");
    qn_parallel_for(j->ctx, j->n_hashes + j->message->n_entries - 1, 1, do_jobs, j);
    for (int i = 0; i < n; i++) {
        free(j->workers[i].buffer);
        qn_arena_destroy(j->workers[i].arena);
    }
    free(j->workers);
    qn_status status = (qn_status)atomic_load(&j->status);
    if (status == QN_OK)
        qn_progress(j->ctx, "writing", j->total, j->total);
    return status;
}

/** model.pb, whose place is known, then the central directory at `central` and the end records. */
static qn_status write_records(job *j, qn_arena *arena, const uint8_t *model, uint64_t central, uint64_t *file_bytes) {
    qn_zip_entry *entries = j->message->entries;
    entries[0].crc = libdeflate_crc32(0, model, (size_t)entries[0].n_bytes);
    QN_TRY(qn_zip_write_local(j->ctx, j->file, &entries[0]));
    QN_TRY(qn_outfile_write(j->ctx, j->file, entries[0].data, model, (size_t)entries[0].n_bytes));
    return qn_zip_write_end(j->ctx, arena, j->file, entries, j->message->n_entries, central, file_bytes);
}

/** The written package in shipping form to `path`. */
static qn_status ship(qn_context *ctx, const qn_outfile *package, const char *path, uint64_t *n_bytes) {
    qn_map *map;
    QN_TRY(qn_outfile_map(ctx, package, path, &map));
    qn_status status = qn_shipped_write(ctx, qn_map_data(map), qn_map_bytes(map), path, n_bytes);
    qn_map_close(map);
    return status;
}

static qn_status write_package(qn_context *ctx, qn_arena *arena, const qn_graph *graph, const qn_provenance *provenance,
                               qn_fill fill, void *user, const char *path, bool shipped, qn_write_stats *stats) {
    qn_message message;
    uint64_t central;
    job j = {.ctx = ctx, .fill = fill, .user = user};
    if (provenance && provenance->source_paths) {
        j.hash = provenance;
        j.n_hashes = provenance->n_sources;
        for (int32_t i = 0; i < provenance->n_sources; i++) /* of the length that it will have */
            qn_hash_format((qn_hash){0, 0}, provenance->hashes_made[i]);
    }
    QN_TRY(qn_graph_check(ctx, graph));
    QN_TRY(qn_message_build(ctx, arena, graph, provenance, fill, user, &message));
    size_t n = quern__package__get_packed_size(message.package);
    if (n > QN_MODEL_MAX)
        return qn_fail(ctx, QN_UNSUPPORTED, "the graph takes %zu bytes: a package holds at most %zu", n, QN_MODEL_MAX);
    uint8_t *model = qn_arena_alloc(arena, n);
    if (!model)
        return qn_fail_memory(ctx, n, "model.pb");
    (void)quern__package__pack(message.package, model);
    QN_TRY(qn_proto_check(ctx, model, n)); /* what a reader would refuse is refused before the work */
    message.entries[0].n_bytes = n;
    if (!qn_zip_place(message.entries, message.n_entries, &central))
        return qn_fail(ctx, QN_UNSUPPORTED, "the package does not fit 63 bits");

    j.message = &message;
    for (int64_t i = 1; i < message.n_entries; i++)
        j.total += message.entries[i].n_bytes;
    QN_TRY(shipped ? qn_outfile_create_unnamed(ctx, path, &j.file, NULL) : qn_outfile_create(ctx, path, &j.file));
    qn_status status = qn_outfile_reserve(ctx, j.file, central);
    if (status == QN_OK)
        status = fill_weights(&j);
    for (size_t i = 0; i < message.package->n_constants; i++)
        if (message.consts[i]->record)
            qn_proto_put_sqnr(message.consts[i]->record, message.package->constants[i]);
    if (status == QN_OK)
        (void)quern__package__pack(message.package, model); /* with what filling told, in as many bytes */
    if (status == QN_OK)
        status = write_records(&j, arena, model, central, &stats->package_bytes);
    if (status == QN_OK && shipped)
        status = ship(ctx, j.file, path, &stats->shipped_bytes);
    if (status != QN_OK || shipped)
        qn_outfile_destroy(j.file);
    QN_TRY(status);
    stats->weight_bytes = j.total;
    for (size_t i = 0; i < message.package->n_constants; i++)
        stats->weight_bytes += message.package->constants[i]->inline_.len;
    return shipped ? QN_OK : qn_outfile_commit(ctx, j.file);
}

static qn_status write_either(qn_context *ctx, const qn_graph *graph, const qn_provenance *provenance, qn_fill fill,
                              void *user, const char *path, bool shipped, qn_write_stats *stats) {
    qn_write_stats own;
    double start = qn_clock_seconds();
    qn_arena *arena = qn_arena_create();
    if (!arena)
        return qn_fail_memory(ctx, 0, "an arena");
    stats = stats ? stats : &own;
    *stats = (qn_write_stats){0};
    qn_status status = write_package(ctx, arena, graph, provenance, fill, user, path, shipped, stats);
    qn_arena_destroy(arena);
    stats->seconds = qn_clock_seconds() - start;
    return status;
}

qn_status qn_package_write(qn_context *ctx, const qn_graph *graph, const qn_provenance *provenance, qn_fill fill,
                           void *user, const char *path, qn_write_stats *stats) {
    return write_either(ctx, graph, provenance, fill, user, path, false, stats);
}

qn_status qn_package_write_shipped(qn_context *ctx, const qn_graph *graph, const qn_provenance *provenance, qn_fill fill,
                                   void *user, const char *path, qn_write_stats *stats) {
    return write_either(ctx, graph, provenance, fill, user, path, true, stats);
}
