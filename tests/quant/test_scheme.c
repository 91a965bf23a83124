#include "tests/test.h"

#include "quant/quant.h"

QN_TEST(quant_scheme_parse) {
    static const struct {
        const char *text;
        qn_status status;
        const char *message; /* or, when it parses, "channel" or "tensor" */
    } rows[] = {
        {"int8", QN_OK, "channel"},
        {"int8:per_channel", QN_OK, "channel"},
        {"int8:per_tensor", QN_OK, "tensor"},
        {"int8:symmetric:per_tensor", QN_OK, "tensor"},
        {"uint8", QN_UNSUPPORTED, "no uint8"},
        {"int4", QN_UNSUPPORTED, "no int4"},
        {"uint4", QN_UNSUPPORTED, "no uint4"},
        {"int4:block=32:asymmetric", QN_UNSUPPORTED, "no int4"},
        {"palette1", QN_UNSUPPORTED, "no palette1"},
        {"palette4:kmeans:group=8", QN_UNSUPPORTED, "no palette4"},
        {"palette6", QN_UNSUPPORTED, "no palette6"},
        {"palette8:uniform", QN_UNSUPPORTED, "no palette8"},
        {"int8:block=32", QN_UNSUPPORTED, "no block="},
        {"int8:asymmetric", QN_UNSUPPORTED, "no asymmetric"},
        {"", QN_USAGE, "no weight scheme"},
        {"int", QN_USAGE, "no weight scheme"},
        {"int88", QN_USAGE, "no weight scheme"},
        {"palette5", QN_USAGE, "no weight scheme"},
        {"int8:", QN_USAGE, "unknown option ''"},
        {"int8:per_channel:fast", QN_USAGE, "unknown option 'fast'"},
        {"int8:block", QN_USAGE, "unknown option 'block'"},
        {"int8:block=", QN_USAGE, "unknown option 'block='"},
        {"int8:block=3x", QN_USAGE, "unknown option 'block=3x'"},
        {"int8:per_channel:per_tensor", QN_USAGE, "per channel and per tensor"},
    };
    qn_context *ctx = qn_test_context();
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        qn_scheme s;
        if (rows[i].status != QN_OK) {
            ASSERT_FAILS(ctx, rows[i].status, rows[i].message, qn_scheme_parse(ctx, rows[i].text, &s));
            qn_clear(ctx);
            continue;
        }
        ASSERT_OK(ctx, qn_scheme_parse(ctx, rows[i].text, &s));
        assert_int_equal(s.encoding, QN_ENC_AFFINE);
        assert_int_equal(s.code_dtype, QN_I8);
        assert_true(s.symmetric);
        assert_int_equal(s.block, 0);
        assert_int_equal(s.per_channel, rows[i].message[0] == 'c');
    }
    qn_context_destroy(ctx);
}
