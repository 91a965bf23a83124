/* The committed packages in tests/data/fuzz/package: seeds for the fuzzer, and proof that what was written once can still
 * be read, and is still what is written. QUERN_WRITE_SEEDS=1 writes them anew. */
#include "tests/package/build.h"

#include <stdio.h>
#include <stdlib.h>

#include "ir/preprocess.h"
#include "ir/text.h"
#include "package/shipped.h"
#include "tests/test.h"

#define FOLDER "tests/data/fuzz/package/"

static const char g_small[] = "input %x: float32[batch,20]\nconst %w: float32[20,3] = random(1)\nconst %b: float32[3] = {0.5, -1, 2}\n"
                              "%a = MatMul(%x, %w)\n%y = Add(%a, %b)\noutput %y\n";

static const char g_photo[] = "input %x: float32[n,3,h,w]\n%y = Abs(%x)\noutput %y\n";
static const qn_preprocess g_aspect = {.size = QN_SIZE_ASPECT, .height = 518, .width = 500, .multiple = 14,
                                       .interpolation = QN_INTERPOLATE_BICUBIC, .antialias = true, .rescale = 0.5,
                                       .mean = {0.5, 0.25, 0}, .std = {0.5, 1, 2}};

static qn_test_bytes read_seed(const char *name, qn_test_bytes want) {
    char path[200];
    snprintf(path, sizeof path, FOLDER "%s", name);
    if (getenv("QUERN_WRITE_SEEDS")) {
        FILE *f = fopen(path, "wb");
        assert_non_null(f);
        assert_int_equal(fwrite(want.data, 1, want.n, f), want.n);
        fclose(f);
    }
    return qn_test_read_bytes(path);
}

static void check_seed(const char *name, qn_test_bytes want) {
    qn_test_bytes have = read_seed(name, want);
    if (have.n != want.n || memcmp(have.data, want.data, want.n) != 0)
        fail_msg("%s: not what is written now", name);
    free(have.data);
}

/* Another version of libdeflate may compress to other bytes: what they expand to is what counts. */
static void check_shipped_seed(qn_context *ctx, const char *name, qn_test_bytes want, qn_test_bytes package) {
    qn_test_bytes have = read_seed(name, want);
    qn_map *map;
    ASSERT_OK(ctx, qn_shipped_map(ctx, name, have.data, have.n, true, NULL, &map));
    if (qn_map_bytes(map) != package.n || memcmp(qn_map_data(map), package.data, package.n) != 0)
        fail_msg("%s: does not expand to what is written now", name);
    qn_map_close(map);
    free(have.data);
}

/* model.pb of a package, or of a shipping form as it is stored. */
static qn_test_bytes model_of(qn_context *ctx, qn_test_bytes package) {
    qn_arena *arena = qn_arena_create();
    qn_zip_entry *entries;
    int64_t n;
    ASSERT_OK(ctx, qn_zip_read(ctx, arena, package.data, package.n, &entries, &n));
    qn_test_bytes model = {malloc((size_t)entries[0].n_bytes), (size_t)entries[0].n_bytes};
    memcpy(model.data, package.data + entries[0].data, model.n);
    qn_arena_destroy(arena);
    return model;
}

QN_TEST(package_seeds_are_what_is_written) {
    qn_context *ctx = qn_test_context();
    qn_graph *small, *photo, *rich = qn_test_rich_graph(ctx);
    ASSERT_OK(ctx, qn_graph_parse(ctx, g_small, &small));
    qn_test_bytes package = qn_test_read_bytes(qn_test_write_package(ctx, small));
    qn_test_bytes full = qn_test_read_bytes(qn_test_write_package(ctx, rich)), model = model_of(ctx, full);
    ASSERT_OK(ctx, qn_graph_parse(ctx, g_photo, &photo));
    ASSERT_OK(ctx, qn_graph_set_preprocess(ctx, photo, &g_aspect));
    qn_test_bytes with_photo = qn_test_read_bytes(qn_test_write_package(ctx, photo)), of_photo = model_of(ctx, with_photo);
    const char *shipped = qn_test_ship(ctx, qn_test_write_package(ctx, small));
    const char *rich_shipped = qn_test_ship(ctx, qn_test_write_package(ctx, rich));
    qn_test_bytes form = qn_test_read_bytes(shipped), full_form = qn_test_read_bytes(rich_shipped);
    qn_test_bytes container = model_of(ctx, full_form);
    check_shipped_seed(ctx, "small-shipped.quern", form, package);
    qn_test_bytes seed = read_seed("rich.shipped", container);
    assert_memory_equal(seed.data, container.data, QN_SHIPPED_HEADER);
    free(seed.data), free(form.data), free(full_form.data), free(container.data);
    check_seed("photo.pb", of_photo);
    check_seed("small.quern", package);
    check_seed("rich.pb", model);
    free(package.data), free(full.data), free(model.data);
    free(with_photo.data), free(of_photo.data);
    qn_graph_destroy(small);
    qn_graph_destroy(photo);
    qn_graph_destroy(rich);
    qn_context_destroy(ctx);
}

QN_TEST(package_seeds_verify) {
    qn_context *ctx = qn_test_context();
    ASSERT_OK(ctx, qn_package_verify(ctx, FOLDER "small.quern", NULL, NULL));
    ASSERT_OK(ctx, qn_package_verify(ctx, FOLDER "small-shipped.quern", NULL, NULL));
    qn_context_destroy(ctx);
}
