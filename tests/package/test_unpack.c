/* unpack: the package again, byte for byte, or nothing. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "package/shipped.h"
#include "tests/package/build.h"
#include "tests/test.h"

QN_TEST(package_unpack_gives_the_package) {
    qn_context *ctx = qn_test_context();
    qn_graph *graph = qn_test_rich_graph(ctx);
    const char *plain = qn_test_write_package(ctx, graph), *shipped = qn_test_ship(ctx, plain);
    char path[160];
    uint64_t n_shipped, n_package;
    snprintf(path, sizeof path, "%s/unpacked.quern", qn_test_tmp());
    ASSERT_OK(ctx, qn_package_unpack(ctx, shipped, path, &n_shipped, &n_package));
    qn_test_bytes a = qn_test_read_bytes(plain), b = qn_test_read_bytes(path), s = qn_test_read_bytes(shipped);
    assert_true(a.n == b.n && memcmp(a.data, b.data, a.n) == 0);
    assert_int_equal(n_package, a.n);
    assert_int_equal(n_shipped, s.n);
    free(a.data), free(b.data), free(s.data);
    /* its own place is a place like another */
    ASSERT_OK(ctx, qn_package_unpack(ctx, shipped, shipped, NULL, NULL));
    ASSERT_FAILS(ctx, QN_USAGE, "not in shipping form", qn_package_unpack(ctx, shipped, path, NULL, NULL));
    qn_graph_destroy(graph);
    qn_context_destroy(ctx);
}

QN_TEST(package_unpack_leaves_nothing_of_a_broken_one) {
    qn_context *ctx = qn_test_context();
    qn_graph *graph = qn_test_rich_graph(ctx);
    const char *shipped = qn_test_ship(ctx, qn_test_write_package(ctx, graph));
    qn_test_bytes b = qn_test_read_bytes(shipped);
    char path[160], broken[160];
    snprintf(path, sizeof path, "%s/unpacked-broken.quern", qn_test_tmp());
    snprintf(broken, sizeof broken, "%s/broken.quern", qn_test_tmp());
    for (size_t at = 60; at < b.n; at += b.n / 40) {
        b.data[at] ^= 4;
        FILE *f = fopen(broken, "wb");
        assert_int_equal(fwrite(b.data, 1, b.n, f), b.n);
        fclose(f);
        b.data[at] ^= 4;
        const qn_status status = qn_package_unpack(ctx, broken, path, NULL, NULL);
        if (status != QN_MALFORMED && status != QN_UNSUPPORTED)
            fail_msg("byte %zu of %zu: status %d", at, b.n, (int)status);
        assert_non_null(strstr(qn_context_message(ctx), "broken.quern: "));
        assert_int_not_equal(access(path, F_OK), 0);
    }
    free(b.data);
    qn_graph_destroy(graph);
    qn_context_destroy(ctx);
}
