/* Any text as a checkpoint: a graph that passes the checker, or a refusal.
 *
 * The input is config.json, a 0 byte, the header of model.safetensors; a further 0 byte and an index make that header the
 * one of its only shard, s.safetensors. An empty configuration is none. Elements are zeros, as many as the header asks
 * for. The files lie in memory. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "arch/arch.h"
#include "ir/check.h"
#include "tests/read/safetensors_fit.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char g_folder[64];

static void remove_folder(void) {
    static const char *const names[] = {"config.json", "model.safetensors", "s.safetensors", "model.safetensors.index.json"};
    char path[128];
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        snprintf(path, sizeof path, "%s/%s", g_folder, names[i]);
        unlink(path);
    }
    rmdir(g_folder);
}

static void make_folder(void) {
    snprintf(g_folder, sizeof g_folder, "%s/quern-fuzz-XXXXXX", access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    if (!mkdtemp(g_folder))
        abort();
    atexit(remove_folder);
}

/* `data` NULL: no such file. */
static void put(const char *name, const void *data, size_t n) {
    char path[128];
    snprintf(path, sizeof path, "%s/%s", g_folder, name);
    if (!data) {
        unlink(path);
        return;
    }
    const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (fd < 0 || write(fd, data, n) != (ssize_t)n)
        abort();
    close(fd);
}

/* The next part of the input: up to a 0 byte. NULL: there is none. */
static const uint8_t *part(const uint8_t **data, size_t *size, size_t *n) {
    const uint8_t *start = *data, *end = *size ? memchr(start, 0, *size) : NULL;
    if (!start)
        return NULL;
    *n = end ? (size_t)(end - start) : *size;
    *size -= end ? *n + 1 : *n;
    *data = end ? end + 1 : NULL;
    return start;
}

static void write_files(const uint8_t *data, size_t size) {
    size_t n_config = 0, n_header = 0, n_index = 0;
    const uint8_t *config = part(&data, &size, &n_config), *header = part(&data, &size, &n_header);
    const uint8_t *index = part(&data, &size, &n_index);
    qn_buf file = st_fit(header ? header : (const uint8_t *)"{}", header ? n_header : 2);
    if (file.failed)
        abort();
    put("config.json", n_config ? config : NULL, n_config);
    put("model.safetensors", index ? NULL : file.data, file.n);
    put("s.safetensors", index ? file.data : NULL, file.n);
    put("model.safetensors.index.json", index, n_index);
    qn_buf_free(&file);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static qn_context *ctx;
    static const qn_context_options options = {.threads = 1};
    if (!ctx && qn_context_create(&options, &ctx) != QN_OK)
        abort();
    if (!g_folder[0])
        make_folder();
    qn_graph *graph = NULL;
    qn_arch_info info;
    write_files(data, size);
    const qn_status status = qn_arch_read(ctx, g_folder, &graph, &info);
    if ((status == QN_OK) != (graph != NULL) || (graph && qn_graph_check(ctx, graph) != QN_OK))
        abort();
    if (status != QN_OK && !qn_context_message(ctx)[0])
        abort();
    qn_graph_destroy(graph);
    qn_clear(ctx);
    return 0;
}
