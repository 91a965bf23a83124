/* Decoders with a cache, in four precisions: a sequence fed in pieces gives the logits of the whole sequence.
 *
 * The goldens hold whole sequences. Here each is cut: the first piece with an empty cache, each later one with the cache
 * that the package returned, and the logits of every piece are compared with the golden's slice. generate.npz adds a
 * prompt and sixteen tokens, fed one by one, and the cache of the first and last layer after the prompt.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/models/measure.h"
#include "tests/test.h"

enum { MAX_CACHE = 32, MAX_CUTS = 24, MAX_SEQUENCES = 8 };

/* Everything that a sequence needs; tensors of the golden are borrowed, others are owned. */
typedef struct sequence {
    qn_arrays *arrays;
    char name[24];
    qn_tensor ids, mask, position;  /* int64 [batch, length] */
    qn_tensor logits;               /* float32 [batch, length, vocabulary] */
    qn_tensor memory;               /* of an encoder; no data: none */
    int64_t cut[MAX_CUTS];          /* pieces end here; the last is the length */
    int n_cuts;
} sequence;

/* What the last step returned, by the name of the output ("present.0.key"). */
typedef struct cache {
    char name[MAX_CACHE][48];
    qn_tensor tensor[MAX_CACHE];
    int n;
} cache;

static void *allocate(size_t n) {
    void *p = calloc(n ? n : 1, 1);
    assert_non_null(p);
    return p;
}

static qn_tensor make_tensor(qn_dtype dtype, int32_t rank, const int64_t *dims) {
    qn_tensor t = {.dtype = dtype, .rank = rank, .n_bytes = qn_dtype_bytes(dtype)};
    for (int32_t i = 0; i < rank; i++) {
        t.dims[i] = dims[i];
        t.n_bytes *= (size_t)dims[i];
    }
    t.data = allocate(t.n_bytes);
    return t;
}

static qn_tensor copy_tensor(const qn_tensor *t) {
    qn_tensor copy = make_tensor(t->dtype, t->rank, t->dims);
    memcpy(copy.data, t->data, t->n_bytes);
    return copy;
}

/* t[:, from:to, ...], owned */
static qn_tensor slice(const qn_tensor *t, int64_t from, int64_t to) {
    int64_t dims[QN_MAX_RANK];
    memcpy(dims, t->dims, sizeof dims);
    dims[1] = to - from;
    qn_tensor s = make_tensor(t->dtype, t->rank, dims);
    size_t row = t->n_bytes / (size_t)(t->dims[0] * t->dims[1]);
    for (int64_t b = 0; b < t->dims[0]; b++)
        memcpy((char *)s.data + (size_t)(b * dims[1]) * row, (const char *)t->data + (size_t)(b * t->dims[1] + from) * row,
               (size_t)dims[1] * row);
    return s;
}

/* ---- cache ---------------------------------------------------------------------------------- */

static qn_tensor *cache_find(cache *c, const char *name) {
    for (int i = 0; i < c->n; i++)
        if (strcmp(c->name[i], name) == 0)
            return &c->tensor[i];
    return NULL;
}

/* Keep a copy. An output without elements says that what is kept goes on (the cross attention of a merged decoder). */
static void cache_put(cache *c, const char *name, const qn_tensor *t) {
    qn_tensor *old = cache_find(c, name);
    if (old && t->n_bytes == 0)
        return;
    if (!old) {
        assert_true(c->n < MAX_CACHE && strlen(name) < sizeof c->name[0]);
        snprintf(c->name[c->n], sizeof c->name[0], "%s", name);
        old = &c->tensor[c->n++];
    }
    free(old->data);
    *old = copy_tensor(t);
}

static void cache_clear(cache *c) {
    for (int i = 0; i < c->n; i++)
        free(c->tensor[i].data);
    *c = (cache){0};
}

/* ---- sequences -------------------------------------------------------------------------------- */

static qn_tensor integers(int64_t batch, int64_t length, int64_t first, int64_t step) {
    qn_tensor t = make_tensor(QN_I64, 2, (int64_t[]){batch, length});
    for (int64_t i = 0; i < batch * length; i++)
        ((int64_t *)t.data)[i] = first + step * (i % length);
    return t;
}

static qn_tensor borrow_or(const qn_arrays *a, const char *key, qn_tensor made) {
    const qn_tensor *t = qn_arrays_find(a, key);
    if (!t)
        return made;
    free(made.data);
    return copy_tensor(t);
}

/* A golden, cut in the middle; a row that is padded there has its padding in the first piece. */
static void golden_sequence(qn_context *ctx, const char *path, int index, sequence *s) {
    *s = (sequence){.n_cuts = 2};
    snprintf(s->name, sizeof s->name, "golden%d", index);
    ASSERT_OK(ctx, qn_arrays_load(ctx, path, &s->arrays));
    const qn_tensor *ids = measure_find(s->arrays, "in.", "input_ids"), *logits = qn_arrays_find(s->arrays, "out.logits");
    const qn_tensor *memory = qn_arrays_find(s->arrays, "out.encoder_last_hidden_state");
    assert_true(ids && logits && ids->rank == 2 && logits->rank == 3);
    s->ids = copy_tensor(ids);
    s->logits = copy_tensor(logits);
    s->mask = borrow_or(s->arrays, "in.attention_mask", integers(ids->dims[0], ids->dims[1], 1, 0));
    s->position = borrow_or(s->arrays, "in.position_ids", integers(ids->dims[0], ids->dims[1], 0, 1));
    if (memory)
        s->memory = copy_tensor(memory);
    s->cut[0] = ids->dims[1] / 2;
    s->cut[1] = ids->dims[1];
}

/* generate.npz: the prompt, then its tokens one by one. gen.logits[k] are those that gave token k, so that feeding token
 * k must give gen.logits[k + 1]. `memory` is the encoder's answer to gen.input_features, owned by the sequence then. */
static void generated_sequence(qn_context *ctx, const char *path, qn_tensor memory, sequence *s) {
    *s = (sequence){.name = "generate", .memory = memory};
    ASSERT_OK(ctx, qn_arrays_load(ctx, path, &s->arrays));
    const qn_tensor *prompt = qn_arrays_find(s->arrays, "gen.prompt_ids"), *ids = qn_arrays_find(s->arrays, "gen.ids");
    const qn_tensor *first = qn_arrays_find(s->arrays, "gen.prefill_logits"), *rest = qn_arrays_find(s->arrays, "gen.logits");
    assert_true(prompt && ids && first && rest && prompt->dtype == QN_I64 && ids->dtype == QN_I64);
    int64_t n = prompt->dims[1], k = ids->dims[0] - 1, vocabulary = rest->dims[1];
    assert_true(k + 1 <= MAX_CUTS);
    s->ids = make_tensor(QN_I64, 2, (int64_t[]){1, n + k});
    memcpy(s->ids.data, prompt->data, prompt->n_bytes);
    memcpy((char *)s->ids.data + prompt->n_bytes, ids->data, (size_t)k * sizeof(int64_t));
    s->logits = make_tensor(QN_F32, 3, (int64_t[]){1, n + k, vocabulary});
    memcpy(s->logits.data, first->data, first->n_bytes);
    memcpy((char *)s->logits.data + first->n_bytes, (const float *)rest->data + vocabulary, (size_t)(k * vocabulary) * sizeof(float));
    s->mask = integers(1, n + k, 1, 0);
    s->position = integers(1, n + k, 0, 1);
    for (int64_t i = 0; i <= k; i++)
        s->cut[s->n_cuts++] = n + i;
}

static void free_sequence(sequence *s) {
    free(s->ids.data);
    free(s->mask.data);
    free(s->position.data);
    free(s->logits.data);
    free(s->memory.data);
    qn_arrays_destroy(s->arrays);
}

/* ---- steps --------------------------------------------------------------------------------------- */

/* past_key_values.X: the cached present.X, or nothing yet: [batch, heads, 0, head_dim]. That of a cross attention which
 * is not read yet has the length that the model's contract asks for, the encoder's. */
static qn_tensor past(const sequence *s, cache *c, const qn_port_info *port) {
    char name[64];
    snprintf(name, sizeof name, "present.%s", port->name + strlen("past_key_values."));
    const qn_tensor *cached = cache_find(c, name);
    int64_t dims[QN_MAX_RANK] = {0};
    if (cached)
        return copy_tensor(cached);
    int64_t length = strstr(port->name, ".encoder.") && s->memory.data ? s->memory.dims[1] : 0;
    for (int32_t i = 0; i < port->rank; i++)
        dims[i] = port->dims[i] >= 0 ? port->dims[i] : i == 0 ? s->ids.dims[0] : length;
    return make_tensor(QN_F32, port->rank, dims);
}

static qn_tensor step_input(const sequence *s, cache *c, const qn_port_info *port, int64_t from, int64_t to) {
    if (strcmp(port->name, "input_ids") == 0)
        return slice(&s->ids, from, to);
    if (strcmp(port->name, "position_ids") == 0)
        return slice(&s->position, from, to);
    if (strcmp(port->name, "attention_mask") == 0)
        return slice(&s->mask, 0, to);
    if (strcmp(port->name, "encoder_hidden_states") == 0)
        return copy_tensor(&s->memory);
    if (strcmp(port->name, "use_cache_branch") == 0) {
        qn_tensor t = make_tensor(QN_BOOL, 1, (int64_t[]){1});
        *(uint8_t *)t.data = from > 0;
        return t;
    }
    assert_memory_equal(port->name, "past_key_values.", strlen("past_key_values."));
    return past(s, c, port);
}

/* Tokens [from, to); the cache is filled. `worst` NULL: the logits are not judged. */
static void step(qn_context *ctx, const measure_package *package, const sequence *s, cache *c, int64_t from, int64_t to,
                 measure_worst *worst) {
    qn_tensor in[MEASURE_PORTS], out[MEASURE_PORTS];
    int32_t n_in = qn_model_n_inputs(package->model), n_out = qn_model_n_outputs(package->model);
    assert_true(n_in <= MEASURE_PORTS && n_out <= MEASURE_PORTS);
    for (int32_t i = 0; i < n_in; i++) {
        qn_port_info port = qn_model_input(package->model, i);
        in[i] = step_input(s, c, &port, from, to);
    }
    ASSERT_OK(ctx, qn_runner_run(package->runner, in, n_in, out, n_out));
    for (int32_t i = 0; i < n_out; i++) {
        const char *name = qn_model_output(package->model, i).name;
        if (strcmp(name, "logits") != 0) {
            cache_put(c, name, &out[i]);
        } else if (worst) {
            qn_tensor want = slice(&s->logits, from, to), mask = slice(&s->mask, from, to);
            ASSERT_OK(ctx, measure_output(ctx, &want, &out[i], &mask, name, s->name, worst));
            free(want.data);
            free(mask.data);
        }
    }
    for (int32_t i = 0; i < n_in; i++)
        free(in[i].data);
}

/* gen.prefill.LAYER.key and the like, where the golden has them. */
static void check_prefill(qn_context *ctx, const sequence *s, const cache *c, measure_worst *worst) {
    for (int32_t i = 0; i < qn_arrays_count(s->arrays); i++) {
        const char *key = qn_arrays_name(s->arrays, i);
        int layer, found = 0;
        char what[32];
        if (sscanf(key, "gen.prefill.%d.%31s", &layer, what) != 2)
            continue;
        bool cross = strncmp(what, "cross_", 6) == 0;
        for (int k = 0; k < c->n; k++) {
            char plain[64], whisper[64];
            snprintf(plain, sizeof plain, "present.%d.%s", layer, what);
            snprintf(whisper, sizeof whisper, "present.%d.%s.%s", layer, cross ? "encoder" : "decoder", what + (cross ? 6 : 0));
            if (strcmp(c->name[k], plain) != 0 && strcmp(c->name[k], whisper) != 0)
                continue;
            ASSERT_OK(ctx, measure_output(ctx, qn_arrays_tensor(s->arrays, i), &c->tensor[k], NULL, c->name[k], s->name, worst));
            found++;
        }
        assert_int_equal(found, 1);
    }
}

/* Every piece in turn. `starter`, when there is one, makes the first cache (a decoder that cannot start without). */
static void run_sequence(qn_context *ctx, const measure_package *package, const measure_package *starter, const sequence *s,
                         measure_worst *worst) {
    cache c = {0};
    step(ctx, starter ? starter : package, s, &c, 0, s->cut[0], starter ? NULL : worst);
    check_prefill(ctx, s, &c, worst);
    for (int i = 1; i < s->n_cuts; i++)
        step(ctx, package, s, &c, s->cut[i - 1], s->cut[i], worst);
    cache_clear(&c);
}

/* ---- models ----------------------------------------------------------------------------------------- */

/* The encoder's answer to gen.input_features, or nothing. */
static qn_tensor generate_memory(qn_context *ctx, const char *folder, const char *path) {
    char encoder[768];
    qn_arrays *arrays;
    qn_tensor out, memory = {0};
    ASSERT_OK(ctx, qn_arrays_load(ctx, path, &arrays));
    const qn_tensor *features = qn_arrays_find(arrays, "gen.input_features");
    if (features) {
        measure_package package;
        snprintf(encoder, sizeof encoder, "%s/encoder_model.onnx", folder);
        ASSERT_OK(ctx, measure_open(ctx, encoder, &package));
        ASSERT_OK(ctx, qn_runner_run(package.runner, features, 1, &out, 1));
        memory = copy_tensor(&out);
        measure_close(&package);
    }
    qn_arrays_destroy(arrays);
    return memory;
}

static int load_sequences(qn_context *ctx, const char *folder, sequence *s) {
    char path[768];
    int n = 0;
    for (; n < MAX_SEQUENCES - 1 && measure_golden_path(path, sizeof path, folder, n); n++)
        golden_sequence(ctx, path, n, &s[n]);
    assert_true(n > 1);
    snprintf(path, sizeof path, "%s/generate.npz", folder);
    generated_sequence(ctx, path, generate_memory(ctx, folder, path), &s[n]);
    return n + 1;
}

/* `first`: the model that makes the first cache, NULL when `file` starts from an empty one. */
static void check_decoder(const char *folder, const char *file, const char *first) {
    const char *shared = qn_test_shared();
    if (!shared) {
        qn_test_skip_shared();
        return;
    }
    char path[512], source[768], label[128];
    sequence s[MAX_SEQUENCES];
    measure_package starter = {0};
    bool good = true;
    qn_context *ctx = qn_test_context();
    snprintf(path, sizeof path, "%s/checkpoints/%s", shared, folder);
    snprintf(label, sizeof label, "%s/%s", folder, file);
    if (first) {
        snprintf(source, sizeof source, "%s/%s", path, first);
        ASSERT_OK(ctx, measure_open(ctx, source, &starter));
    }
    snprintf(source, sizeof source, "%s/%s", path, file);
    int n = load_sequences(ctx, path, s);
    for (int v = 0; v < MEASURE_VARIANTS; v++) {
        measure_package package;
        measure_worst worst = measure_begin();
        ASSERT_OK(ctx, measure_convert(ctx, source, &measure_variants[v], &package));
        for (int k = 0; k < n; k++)
            run_sequence(ctx, &package, first ? &starter : NULL, &s[k], &worst);
        good &= measure_end(label, &measure_variants[v], &package, &worst);
        measure_close(&package);
    }
    for (int k = 0; k < n; k++)
        free_sequence(&s[k]);
    measure_close(&starter);
    qn_context_destroy(ctx);
    assert_true(good);
}

QN_TEST(models_decoders_gpt2) { check_decoder("tiny-gpt2", "model_with_past.onnx", NULL); }
QN_TEST(models_decoders_qwen3) { check_decoder("tiny-qwen3", "model_with_past.onnx", NULL); }
QN_TEST(models_decoders_qwen3_external) { check_decoder("tiny-qwen3", "model_with_past_ext.onnx", NULL); }
QN_TEST(models_decoders_whisper) {
    check_decoder("tiny-whisper", "decoder_with_past_model.onnx", "decoder_model.onnx");
}
QN_TEST(models_decoders_whisper_merged) { check_decoder("tiny-whisper", "decoder_model_merged.onnx", NULL); }
