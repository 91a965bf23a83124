#include "tools/cli.h"

static int run(const cli_args *args) {
    const char *source = cli_operand(args, 0), *output = cli_string(args, "output", NULL);
    uint64_t shipped, bytes;
    char a[32], b[32];
    if (!output)
        return cli_usage("unpack: -o OUT.quern is missing");
    qn_context *ctx = cli_context(args);
    if (!ctx)
        return QN_USAGE;
    const double start = cli_now();
    qn_status status = qn_package_unpack(ctx, source, output, &shipped, &bytes);
    cli_progress_end();
    int code = QN_OK;
    if (status != QN_OK)
        code = cli_fail(ctx, status);
    else if (cli_flag(args, "json"))
        code = cli_print_json(json_pack("{s:s, s:s, s:I, s:I, s:f}", "file", output, "source", source, "shipped",
                                        (json_int_t)shipped, "bytes", (json_int_t)bytes, "seconds", cli_now() - start));
    else if (!cli_flag(args, "quiet"))
        printf("%s: %s in shipping form became a package of %s in %.2f s\n", output, cli_bytes_text((double)shipped, a),
               cli_bytes_text((double)bytes, b), cli_now() - start);
    qn_context_destroy(ctx);
    return code;
}

static const qn_option g_options[] = {
    {"output", 'o', "OUT.quern", false, "the package to write; it appears whole or not at all"},
    {NULL, 0, NULL, false, NULL},
};
static const qn_example g_examples[] = {
    {"send a package in fewer bytes", "quern convert model.onnx -o model-ship.quern --precision bf16 --ship"},
    {"and make it one again where it arrives", "quern unpack model-ship.quern -o model.quern"},
    {NULL, NULL},
};

const qn_command qn_cmd_unpack = {
    .name = "unpack", .operands = "PKG", .summary = "turn the shipping form of a package into the package",
    .about = "Expands what quern convert --ship wrote into the bytes that it would have written without --ship; CRCs and\n"
             "sizes are checked on the way. Other commands take the shipping form as it is and expand it each time, into a\n"
             "file without a name; an unpacked package is mapped at once.",
    .options = g_options, .examples = g_examples, .min_operands = 1, .max_operands = 1, .run = run};
