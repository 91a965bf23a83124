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
        {.text = "int8:asymmetric", .code = QN_I8, .symmetric = false, .channel = true, .block = 0},
        {.text = "uint8", .code = QN_U8, .symmetric = false, .channel = true, .block = 0},
        {.text = "int4", .code = QN_I4, .symmetric = true, .channel = false, .block = 32},
        {.text = "int4:block=256:asymmetric", .code = QN_I4, .symmetric = false, .channel = false, .block = 256},
        {.text = "int4:per_channel", .code = QN_I4, .symmetric = true, .channel = true, .block = 0},
        {.text = "int4:per_tensor", .code = QN_I4, .symmetric = true, .channel = false, .block = 0},
        {.text = "uint4:block=16", .code = QN_U4, .symmetric = false, .channel = false, .block = 16},
        {.text = "int4:block=8", .code = QN_I4, .symmetric = true, .channel = false, .block = 8},
        {.text = "int3:block=1000", .code = QN_I3, .symmetric = true, .channel = false, .block = 1000},
        {.text = "uint6", .code = QN_U6, .symmetric = false, .channel = false, .block = 32},
        {.text = "fp8_e4m3", .code = QN_F8E4M3, .symmetric = true, .channel = true, .block = 0},
        {.text = "int8:block", .status = QN_USAGE, .message = "unknown option 'block'"},
        {.text = "int8:gptq=1", .status = QN_USAGE, .message = "unknown option 'gptq=1'"},
        {.text = "int8:block=", .status = QN_USAGE, .message = "block= takes elements"},
        {.text = "int8:block=3x", .status = QN_USAGE, .message = "block= takes elements"},
        {.text = "int8:block=0", .status = QN_USAGE, .message = "block= takes elements"},
        {.text = "int4:block=99999999999999999999", .status = QN_USAGE, .message = "block= takes elements"},
        {.text = "int4:scale=fp64", .status = QN_USAGE, .message = "scale= takes fp32"},
        {.text = "int4:scale=int8:super=int8", .status = QN_USAGE, .message = "super= takes fp32"},
        {.text = "int4:super=fp16", .status = QN_USAGE, .message = "super= goes with the codes of scale="},
        {.text = "int4:per_tensor:scale=int8", .status = QN_USAGE, .message = "needs no second level"},
        {.text = "int4:percentile=101", .status = QN_USAGE, .message = "percentile= takes a number"},
        {.text = "int4:percentile=nan", .status = QN_USAGE, .message = "percentile= takes a number"},
        {.text = "int4:mse:minmax", .status = QN_USAGE, .message = "minmax, percentile= or mse: one of them"},
        {.text = "int4:group=8", .status = QN_USAGE, .message = "are of palettes"},
        {.text = "fp8_e4m3:asymmetric", .status = QN_USAGE, .message = "no zero points"},
        {.text = "uint4:scale=e8m0", .status = QN_USAGE, .message = "have no zero points"},
        {.text = "palette9", .status = QN_USAGE, .message = "no weight scheme"},
        {.text = "palette4:symmetric", .status = QN_USAGE, .message = "are not symmetric"},
        {.text = "palette4:mse", .status = QN_USAGE, .message = "which this palette has not"},
        {.text = "palette4:kmeans:uniform", .status = QN_USAGE, .message = "kmeans, uniform or unique: one of them"},
        {.text = "palette4:unique:per_channel", .status = QN_USAGE, .message = "a unique palette has no scales"},
        {.text = "palette4:uniform:vector=2", .status = QN_USAGE, .message = "vectors come from kmeans"},
        {.text = "palette4:vector=3", .status = QN_USAGE, .message = "vector= takes 2 or 4"},
        {.text = "palette4:group=0", .status = QN_USAGE, .message = "group= takes the channels"},
        {.text = "palette4:group_axis=up", .status = QN_USAGE, .message = "group_axis= takes in or out"},
        {.text = "palette4:table=int4", .status = QN_USAGE, .message = "table= takes fp32"},
        {.text = "int8:prune=1.5", .status = QN_USAGE, .message = "prune= takes the share"},
        {.text = "int8:prune=5/4", .status = QN_USAGE, .message = "prune= keeps n of m"},
        {.text = "int8:prune=0.5:threshold=1", .status = QN_USAGE, .message = "prune= or threshold=: one of them"},
        {.text = "int8:prune=0.5:prune_block=3", .status = QN_USAGE, .message = "a power of two up to 512"},
        {.text = "int8:threshold=1:prune_block=2", .status = QN_USAGE, .message = "prune_block= goes with a share"},
        {.text = "int8:threshold=0", .status = QN_USAGE, .message = "threshold= takes a number over 0"},
        {.text = "values", .status = QN_USAGE, .message = "values are pruned"},
        {.text = "none:prune=0.5", .status = QN_USAGE, .message = "what is left as it is is not pruned"},
        {.text = "none:block=32", .status = QN_USAGE, .message = "no codes that this could be of"},
        {.text = "int8:gptq:awq", .status = QN_USAGE, .message = "importance, gptq or awq: one of them"},
        {.text = "int8:act_order", .status = QN_USAGE, .message = "act_order is of gptq"},
        {.text = "", .status = QN_USAGE, .message = "no weight scheme"},
        {.text = "int", .status = QN_USAGE, .message = "no weight scheme"},
        {.text = "int88", .status = QN_USAGE, .message = "no weight scheme"},
        {.text = "int8:", .status = QN_USAGE, .message = "unknown option ''"},
        {.text = "int8:per_channel:fast", .status = QN_USAGE, .message = "unknown option 'fast'"},
        {.text = "int8:per_channel:per_tensor", .status = QN_USAGE, .message = "per channel, per tensor or in blocks"},
        {.text = "int4:block=32:per_channel", .status = QN_USAGE, .message = "per channel, per tensor or in blocks"},
        {.text = "int4:symmetric:asymmetric", .status = QN_USAGE, .message = "symmetric and asymmetric"},
        {.text = "uint4:symmetric", .status = QN_USAGE, .message = "as unsigned codes are"},
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

/* Text to scheme and back: each is the shortest text of what it says. */
QN_TEST(quant_scheme_text) {
    static const char *const texts[] = {
        "none", "int8", "int8:per_tensor", "int8:block=32", "int8:block=32:scale=fp32", "int8:asymmetric", "uint8", "int6", "int4",
        "int4:block=16x4", "int4:per_channel", "int4:block=64:scale=bf16:mse", "int4:asymmetric:percentile=99.9", "uint3", "int2:block=16:scale=int6",
        "int4:scale=uint8:super=fp16/8", "fp8_e4m3", "fp8_e5m2:per_tensor", "fp6_e2m3:block=32", "fp4_e2m1", "mxint8", "mxfp8_e4m3", "mxfp8_e5m2",
        "mxfp6_e2m3", "mxfp6_e3m2", "mxfp4", "mxfp4:mse", "palette1", "palette4", "palette4:group=8", "palette6:group=4:group_axis=in",
        "palette4:uniform", "palette8:unique", "palette5:vector=2:block=64:scale=int6", "palette8:vector=4", "palette4:per_channel",
        "palette4:table=int8:per_channel", "palette4:block=16:scale=int6:minmax", "palette3:uniform:per_tensor:mse", "nf4", "nf4:block=32", "nf4:mse",
        "values:prune=0.5", "values:prune=2/4", "values:threshold=0.01", "int8:prune=0.75:prune_block=8", "palette4:prune=0.5",
        "int4:gptq", "int4:block=128:gptq:act_order", "int4:awq", "palette4:importance"};
    qn_context *ctx = qn_test_context();
    qn_arena *arena = qn_arena_create();
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        qn_scheme s;
        ASSERT_OK(ctx, qn_scheme_parse(ctx, texts[i], &s));
        assert_string_equal(qn_scheme_text(arena, &s), texts[i]);
    }
    static const char *const longer[][2] = {{"palette4:kmeans:group=8:group_axis=out", "palette4:group=8"}, {"int4:block=32", "int4"},
                                            {"int8:per_channel:symmetric:minmax", "int8"}, {"palette4:table=int8", "palette4:table=int8:per_channel"},
                                            {"mxfp4:scale=fp16", "fp4_e2m1:block=32"}, {"int4:scale=int8:super=bf16/16", "int4:scale=int8"}};
    for (size_t i = 0; i < sizeof longer / sizeof *longer; i++) {
        qn_scheme s, again;
        ASSERT_OK(ctx, qn_scheme_parse(ctx, longer[i][0], &s));
        assert_string_equal(qn_scheme_text(arena, &s), longer[i][1]);
        ASSERT_OK(ctx, qn_scheme_parse(ctx, longer[i][1], &again));
        assert_memory_equal(&s, &again, sizeof s);
    }
    qn_arena_destroy(arena);
    qn_context_destroy(ctx);
}
