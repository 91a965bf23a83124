#include "tests/test.h"

#include "quant/quant.h"

QN_TEST(quant_scheme_parse) {
    static const struct {
        const char *text;
        qn_status status;
        const char *message;
        qn_dtype code;      /* when it parses: */
        bool symmetric, channel;
        int64_t block;
    } rows[] = {
        {.text = "int8", .code = QN_I8, .symmetric = true, .channel = true, .block = 0},
        {.text = "int8:per_channel", .code = QN_I8, .symmetric = true, .channel = true, .block = 0},
        {.text = "int8:symmetric:per_tensor", .code = QN_I8, .symmetric = true, .channel = false, .block = 0},
        {.text = "int8:block=32", .code = QN_I8, .symmetric = true, .channel = false, .block = 32},
        {.text = "int8:asymmetric", .code = QN_I8, .symmetric = false, .channel = true, .block = 0},
        {.text = "uint8", .code = QN_U8, .symmetric = false, .channel = true, .block = 0},
        {.text = "int4", .code = QN_I4, .symmetric = true, .channel = false, .block = 32},
        {.text = "int4:block=256:asymmetric", .code = QN_I4, .symmetric = false, .channel = false, .block = 256},
        {.text = "int4:per_channel", .code = QN_I4, .symmetric = true, .channel = true, .block = 0},
        {.text = "int4:per_tensor", .code = QN_I4, .symmetric = true, .channel = false, .block = 0},
        {.text = "uint4:block=16", .code = QN_U4, .symmetric = false, .channel = false, .block = 16},
        {.text = "palette1", .status = QN_UNSUPPORTED, .message = "no palette1"},
        {.text = "palette4:kmeans:group=8", .status = QN_UNSUPPORTED, .message = "no palette4"},
        {.text = "palette6", .status = QN_UNSUPPORTED, .message = "no palette6"},
        {.text = "palette8:uniform", .status = QN_UNSUPPORTED, .message = "no palette8"},
        {.text = "int4:group=8", .status = QN_UNSUPPORTED, .message = "no group="},
        {.text = "", .status = QN_USAGE, .message = "no weight scheme"},
        {.text = "int", .status = QN_USAGE, .message = "no weight scheme"},
        {.text = "int88", .status = QN_USAGE, .message = "no weight scheme"},
        {.text = "palette5", .status = QN_USAGE, .message = "no weight scheme"},
        {.text = "int8:", .status = QN_USAGE, .message = "unknown option ''"},
        {.text = "int8:per_channel:fast", .status = QN_USAGE, .message = "unknown option 'fast'"},
        {.text = "int8:block", .status = QN_USAGE, .message = "unknown option 'block'"},
        {.text = "int8:block=", .status = QN_USAGE, .message = "unknown option 'block='"},
        {.text = "int8:block=3x", .status = QN_USAGE, .message = "unknown option 'block=3x'"},
        {.text = "int8:per_channel:per_tensor", .status = QN_USAGE, .message = "per channel, per tensor or in blocks"},
        {.text = "int4:block=32:per_channel", .status = QN_USAGE, .message = "per channel, per tensor or in blocks"},
        {.text = "int4:symmetric:asymmetric", .status = QN_USAGE, .message = "symmetric and asymmetric"},
        {.text = "uint4:symmetric", .status = QN_USAGE, .message = "as unsigned codes are"},
        {.text = "int4:block=8", .status = QN_USAGE, .message = "a multiple of 16 from 16 to 256"},
        {.text = "int4:block=40", .status = QN_USAGE, .message = "a multiple of 16 from 16 to 256"},
        {.text = "int4:block=512", .status = QN_USAGE, .message = "a multiple of 16 from 16 to 256"},
        {.text = "int4:block=99999999999999999999", .status = QN_USAGE, .message = "a multiple of 16 from 16 to 256"},
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
        assert_int_equal(s.code_dtype, rows[i].code);
        assert_int_equal(s.symmetric, rows[i].symmetric);
        assert_int_equal(s.block, rows[i].block);
        assert_int_equal(s.per_channel, rows[i].channel);
        assert_int_equal(s.scale_dtype, s.block ? QN_F16 : QN_F32);
    }
    qn_context_destroy(ctx);
}
