/* What a folder may hold, what an index may say, and one row per refusal. */
#include "read/checkpoint.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/read/safetensors_build.h"
#include "tests/test.h"

#define INDEX "model.safetensors.index.json"

static const char g_index[] = "{\"metadata\": {\"total_size\": 12}, \"weight_map\":"
                              " {\"a\": \"s1.safetensors\", \"b\": \"s2.safetensors\", \"c\": \"s1.safetensors\"}}";

/* Two shards: a and c, b. */
static void write_shards(const char *folder) {
    st_write_buf(folder, "s1.safetensors", st_names("a,c"));
    st_write_buf(folder, "s2.safetensors", st_names("b"));
}

static qn_checkpoint *open_good(qn_context *ctx, const char *path) {
    qn_checkpoint *c;
    ASSERT_OK(ctx, qn_checkpoint_open(ctx, path, &c));
    return c;
}

static float value_of(const qn_checkpoint *c, const char *name) {
    const qn_safetensors_tensor *t = qn_checkpoint_find(c, name);
    float v;
    assert_non_null(t);
    memcpy(&v, t->data, sizeof v);
    return v;
}

static void refused(const char *path, qn_status status, const char *message) {
    qn_context *ctx = qn_test_context();
    qn_checkpoint *c;
    ASSERT_FAILS(ctx, status, message, qn_checkpoint_open(ctx, path, &c));
    assert_null(c);
    qn_context_destroy(ctx);
}

/* ---- folders and files ------------------------------------------------------------------------------------- */

QN_TEST(read_checkpoint_whole) {
    char folder[256];
    qn_context *ctx = qn_test_context();
    st_folder("whole", folder);
    st_write_buf(folder, "model.safetensors", st_names("a,b"));
    st_write_text(folder, "config.json", "{\"model_type\": \"x\"}");
    st_write_text(folder, INDEX, "no index at all"); /* not read: there is a whole file */
    st_write_text(folder, "other.safetensors", "nor this");
    qn_checkpoint *c = open_good(ctx, folder);
    assert_true(c->n_files == 1 && c->n_tensors == 2);
    assert_true(value_of(c, "b") == 2);
    assert_null(qn_checkpoint_find(c, "c"));
    assert_string_equal(json_string_value(json_object_get(c->config.value, "model_type")), "x");
    assert_non_null(strstr(c->config.file, "/whole/config.json"));
    assert_non_null(qn_checkpoint_file(c, INDEX));
    assert_null(qn_checkpoint_file(c, "none.json"));
    assert_null(qn_checkpoint_file(c, "."));
    qn_checkpoint_close(c);
    qn_checkpoint_close(NULL);
    qn_context_destroy(ctx);
}

QN_TEST(read_checkpoint_of_another_name) {
    char folder[256];
    qn_context *ctx = qn_test_context();
    st_folder("named", folder);
    st_write_buf(folder, "depth.safetensors", st_names("a"));
    st_write_text(folder, ".hidden.safetensors", "not looked at");
    st_write_text(folder, "depth.safetensors.old", "not looked at");
    qn_checkpoint *c = open_good(ctx, folder);
    assert_true(c->n_tensors == 1 && value_of(c, "a") == 1);
    assert_null(c->config.value);
    qn_checkpoint_close(c);
    qn_context_destroy(ctx);
}

/* By name: the file, whatever is beside it, and the config.json beside it. */
QN_TEST(read_checkpoint_bare_file) {
    char folder[256], path[512];
    qn_context *ctx = qn_test_context();
    st_folder("bare", folder);
    st_write_buf(folder, "one.safetensors", st_names("a"));
    st_write_buf(folder, "two", st_names("b,c"));
    st_write_text(folder, "model.safetensors", "not looked at");
    snprintf(path, sizeof path, "%s/one.safetensors", folder);
    qn_checkpoint *c = open_good(ctx, path);
    assert_null(c->config.value);
    assert_string_equal(c->path, path);
    qn_checkpoint_close(c);
    st_write_text(folder, "config.json", "{}");
    snprintf(path, sizeof path, "%s/two", folder);
    c = open_good(ctx, path);
    assert_non_null(c->config.value);
    assert_true(c->n_tensors == 2 && value_of(c, "c") == 2);
    qn_checkpoint_close(c);
    qn_context_destroy(ctx);
}

QN_TEST(read_checkpoint_notes) {
    char folder[256];
    qn_context *ctx = qn_test_context();
    st_folder("notes", folder);
    st_write_buf(folder, "s1.safetensors", st_file("{\"__metadata__\": {\"k\": \"first\"}, \"a\": {\"dtype\": \"U8\", \"shape\": [0],"
                                                   " \"data_offsets\": [0, 0]}}", "", 0));
    st_write_buf(folder, "s2.safetensors", st_file("{\"__metadata__\": {\"k\": \"second\", \"only\": \"here\"}, \"b\": {\"dtype\": "
                                                   "\"U8\", \"shape\": [0], \"data_offsets\": [0, 0]}}", "", 0));
    st_write_text(folder, INDEX, "{\"weight_map\": {\"a\": \"s1.safetensors\", \"b\": \"s2.safetensors\"}}");
    qn_checkpoint *c = open_good(ctx, folder);
    assert_string_equal(qn_checkpoint_note(c, "k"), "first");
    assert_string_equal(qn_checkpoint_note(c, "only"), "here");
    assert_null(qn_checkpoint_note(c, "none"));
    qn_checkpoint_close(c);
    qn_context_destroy(ctx);
}

QN_TEST(read_checkpoint_refusals) {
    char folder[256], path[512];
    st_folder("refused", folder);
    refused(folder, QN_MALFORMED, "/refused: no checkpoint: neither model.safetensors nor model.safetensors.index.json");
    snprintf(path, sizeof path, "%s/none", folder);
    refused(path, QN_SYSTEM, "/refused/none: cannot open");
    st_write_buf(folder, "one.safetensors", st_names("a"));
    st_write_buf(folder, "two.safetensors", st_names("b"));
    refused(folder, QN_MALFORMED, "/refused: 2 safetensors files, neither model.safetensors nor model.safetensors.index.json:"
                                  " name one of them");
    st_write_text(folder, "model.safetensors", "short");
    refused(folder, QN_MALFORMED, "/refused/model.safetensors: 5 bytes are no safetensors file");
    st_write_buf(folder, "model.safetensors", st_names("a"));
    st_write_text(folder, "config.json", "[]");
    refused(folder, QN_MALFORMED, "/refused/config.json: holds no JSON object");
    st_write_text(folder, "config.json", "{\"a\": 1,\n}");
    refused(folder, QN_MALFORMED, "/refused/config.json:2:");
    st_write_text(folder, "config.json", "");
    refused(folder, QN_MALFORMED, "/refused/config.json:1:");
}

/* A configuration is a few thousand bytes; four megabytes are none. */
QN_TEST(read_checkpoint_large_config) {
    enum { LARGE = (4 << 20) + 1 };
    char folder[256], *text = malloc(LARGE);
    assert_non_null(text);
    memset(text, ' ', LARGE);
    st_folder("large", folder);
    st_write_buf(folder, "model.safetensors", st_names("a"));
    st_write(folder, "config.json", text, LARGE);
    free(text);
    refused(folder, QN_MALFORMED, "/large/config.json");
}

/* ---- shards ---------------------------------------------------------------------------------------------------- */

QN_TEST(read_checkpoint_shards) {
    char folder[256];
    qn_context *ctx = qn_test_context();
    st_folder("shards", folder);
    write_shards(folder);
    st_write_text(folder, INDEX, g_index);
    st_write_buf(folder, "unnamed.safetensors", st_names("z")); /* no shard of this checkpoint */
    qn_checkpoint *c = open_good(ctx, folder);
    assert_true(c->n_files == 2 && c->n_tensors == 3);
    assert_true(value_of(c, "a") == 1 && value_of(c, "b") == 1 && value_of(c, "c") == 2);
    assert_null(qn_checkpoint_find(c, "z"));
    qn_checkpoint_close(c);
    qn_context_destroy(ctx);
}

#define MAP(ROWS) "{\"weight_map\": {" ROWS "}}"
#define C_AND_B "\"c\": \"s1.safetensors\", \"b\": \"s2.safetensors\""

static const struct {
    const char *index;
    qn_status status;
    const char *message;
} g_indices[] = {
    {"", QN_MALFORMED, INDEX ":1:"},
    {"{\"weight_map\": ", QN_MALFORMED, INDEX ":1:"},
    {"[]", QN_MALFORMED, INDEX ": holds no JSON object"},
    {"{}", QN_MALFORMED, INDEX ": weight_map is missing"},
    {"{\"weight_map\": null}", QN_MALFORMED, INDEX ": weight_map is missing"},
    {"{\"weight_map\": []}", QN_MALFORMED, INDEX ": weight_map is no object"},
    {"{\"weight_map\": \"s1.safetensors\"}", QN_MALFORMED, INDEX ": weight_map is no object"},
    {MAP(""), QN_MALFORMED, INDEX ": weight_map is empty"},
    {MAP("\"a\": 1"), QN_MALFORMED, INDEX ": weight_map.a is no text"},
    {MAP("\"a\": [\"s1.safetensors\"]"), QN_MALFORMED, INDEX ": weight_map.a is no text"},
    {MAP("\"a\": null"), QN_MALFORMED, INDEX ": weight_map.a is missing"},
    {MAP("\"a\": \"\""), QN_MALFORMED, "weight_map.a is in '', which is no safetensors file of this folder"},
    {MAP("\"a\": \"/etc/s1.safetensors\""), QN_MALFORMED, "'/etc/s1.safetensors', which is no safetensors file of this folder"},
    {MAP("\"a\": \"../indices/s1.safetensors\""), QN_MALFORMED, "which is no safetensors file of this folder"},
    {MAP("\"a\": \"sub/s1.safetensors\""), QN_MALFORMED, "which is no safetensors file of this folder"},
    {MAP("\"a\": \"./s1.safetensors\""), QN_MALFORMED, "which is no safetensors file of this folder"},
    {MAP("\"a\": \"..\\\\s1.safetensors\""), QN_MALFORMED, "which is no safetensors file of this folder"},
    {MAP("\"a\": \"..\""), QN_MALFORMED, "which is no safetensors file of this folder"},
    {MAP("\"a\": \".s1.safetensors\""), QN_MALFORMED, "which is no safetensors file of this folder"},
    {MAP("\"a\": \"s1.bin\""), QN_MALFORMED, "'s1.bin', which is no safetensors file of this folder"},
    {MAP("\"a\": \"s3.safetensors\""), QN_MALFORMED, INDEX ": weight_map.a is in 's3.safetensors', which is not there"},
    {MAP("\"a\": \"folder.safetensors\""), QN_MALFORMED, "weight_map.a is in 'folder.safetensors', which is not there"},
    {MAP("\"a\": \"out.safetensors\""), QN_MALFORMED, INDEX ": weight_map.a is in 'out.safetensors', a link that leads out of the folder"},
    {MAP("\"a\": \"broken.safetensors\""), QN_MALFORMED, "/broken.safetensors: 1 bytes are no safetensors file"},
    {MAP("\"a\": \"s1.safetensors\", \"d\": \"s1.safetensors\", " C_AND_B), QN_MALFORMED,
     INDEX ": weight_map.d is not in 's1.safetensors'"},
    {MAP("\"a\": \"s2.safetensors\", " C_AND_B), QN_MALFORMED, INDEX ": weight_map.a is not in 's2.safetensors'"},
    {MAP(C_AND_B), QN_MALFORMED, "/s1.safetensors: tensor 'a' is not mapped to this shard by the index"},
    /* s4 holds a too, but the index says that it is in s1 */
    {MAP("\"a\": \"s1.safetensors\", \"z\": \"s4.safetensors\", " C_AND_B), QN_MALFORMED,
     "/s4.safetensors: tensor 'a' is not mapped to this shard by the index"},
    {MAP("\"a\": \"s1.safetensors\", \"a\": \"s4.safetensors\", " C_AND_B), QN_MALFORMED, "duplicate object key near '\"a\"'"},
    {"{\"metadata\": 1, \"weight_map\": {\"b\": \"s2.safetensors\"}}", QN_MALFORMED, INDEX ": metadata is no object"},
    {"{\"metadata\": {\"total_size\": \"4\"}, \"weight_map\": {\"b\": \"s2.safetensors\"}}", QN_MALFORMED,
     INDEX ": metadata.total_size is no whole number"},
    {"{\"metadata\": {\"total_size\": -4}, \"weight_map\": {\"b\": \"s2.safetensors\"}}", QN_MALFORMED,
     INDEX ": metadata.total_size is -4, not in 0.."},
};

QN_TEST(read_checkpoint_index_refusals) {
    char folder[256], path[512];
    st_folder("beside", folder);
    st_write_buf(folder, "s1.safetensors", st_names("a"));
    st_folder("indices", folder);
    write_shards(folder);
    st_write_buf(folder, "s4.safetensors", st_names("a,z"));
    st_write_buf(folder, ".s1.safetensors", st_names("a"));
    st_write_text(folder, "broken.safetensors", "x");
    st_write_text(folder, "s1.bin", "x");
    snprintf(path, sizeof path, "%s/folder.safetensors", folder);
    assert_int_equal(mkdir(path, 0700), 0);
    snprintf(path, sizeof path, "%s/out.safetensors", folder);
    assert_int_equal(symlink("../beside/s1.safetensors", path), 0);
    for (size_t i = 0; i < sizeof g_indices / sizeof g_indices[0]; i++) {
        st_write_text(folder, INDEX, g_indices[i].index);
        refused(folder, g_indices[i].status, g_indices[i].message);
    }
}

/* Links within the folder, and from a snapshot of Hugging Face's cache to its blobs. */
QN_TEST(read_checkpoint_links) {
    static const char index[] = MAP("\"a\": \"s1.safetensors\", \"b\": \"s2.safetensors\"");
    char cache[256], folder[256], path[512];
    qn_context *ctx = qn_test_context();
    st_folder("cache", cache);
    st_folder("cache/blobs", folder);
    st_write_buf(folder, "0123", st_names("a"));
    st_folder("cache/snapshots", folder);
    st_folder("cache/snapshots/main", folder);
    st_write_buf(folder, "real", st_names("b"));
    st_write_text(folder, INDEX, index);
    snprintf(path, sizeof path, "%s/s1.safetensors", folder);
    assert_int_equal(symlink("../../blobs/0123", path), 0);
    snprintf(path, sizeof path, "%s/s2.safetensors", folder);
    assert_int_equal(symlink("real", path), 0);
    qn_checkpoint *c = open_good(ctx, folder);
    assert_int_equal(c->n_tensors, 2);
    qn_checkpoint_close(c);
    /* out of the snapshot, but not to the blobs */
    st_write_buf(cache, "real", st_names("b"));
    assert_int_equal(unlink(path), 0);
    assert_int_equal(symlink("../../real", path), 0);
    refused(folder, QN_MALFORMED, "'s2.safetensors', a link that leads out of the folder");
    qn_context_destroy(ctx);
}

static void keep_line(void *user, qn_log_level level, const char *line) {
    if (level == QN_LOG_WARN)
        snprintf(user, 512, "%s", line);
}

/* A wrong sum is worth a warning: files of many tools have one. */
QN_TEST(read_checkpoint_total_size) {
    static const struct {
        const char *total, *warning;
    } rows[] = {{"{\"total_size\": 12}", ""}, {"{\"total_size\": 12.0}", ""}, {"{}", ""}, {"null", ""},
                {"{\"total_size\": 13}", INDEX ": metadata.total_size says 13, the shards hold 12 bytes"},
                {"{\"total_size\": 0}", INDEX ": metadata.total_size says 0, the shards hold 12 bytes"}};
    char folder[256], text[512], line[512];
    qn_context *ctx;
    const qn_context_options options = {.threads = 1, .user = line, .log = keep_line};
    assert_int_equal(qn_context_create(&options, &ctx), QN_OK);
    st_folder("total", folder);
    write_shards(folder);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        line[0] = 0;
        snprintf(text, sizeof text, "{\"metadata\": %s, \"weight_map\": {\"a\": \"s1.safetensors\", " C_AND_B "}}", rows[i].total);
        st_write_text(folder, INDEX, text);
        qn_checkpoint_close(open_good(ctx, folder));
        if (rows[i].warning[0] ? !strstr(line, rows[i].warning) : line[0] != 0)
            fail_msg("%s: warning '%s', wanted '%s'", rows[i].total, line, rows[i].warning);
    }
    qn_context_destroy(ctx);
}
