#include "tools/cli.h"

static int run(const cli_args *args) {
    qn_context *ctx = cli_context(args);
    if (!ctx)
        return QN_USAGE;
    int code = QN_OK;
    json_t *rows = json_array();
    for (int i = 0; i < cli_n_operands(args); i++) {
        const char *path = cli_operand(args, i);
        qn_status status = qn_package_check(ctx, path);
        cli_progress_end();
        if (cli_flag(args, "json")) {
            json_t *row = json_object();
            json_object_set_new(row, "file", json_string(path));
            json_object_set_new(row, "ok", json_boolean(status == QN_OK));
            json_object_set_new(row, "message", json_string(status == QN_OK ? "" : qn_context_message(ctx)));
            json_array_append_new(rows, row);
        } else if (status == QN_OK) {
            printf("%s: every byte accounted for\n", path);
        }
        if (status != QN_OK && code == QN_OK)
            code = (int)status;
        if (status != QN_OK && !cli_flag(args, "json"))
            cli_fail(ctx, status);
    }
    if (cli_flag(args, "json")) {
        json_t *top = json_object();
        json_object_set_new(top, "packages", rows);
        int printed = cli_print_json(top);
        code = code ? code : printed;
    } else {
        json_decref(rows);
    }
    qn_context_destroy(ctx);
    return code;
}

static const qn_option g_options[] = {{NULL, 0, NULL, false, NULL}};
static const qn_example g_examples[] = {
    {"check a package after a download", "quern verify model.quern"},
    {NULL, NULL},
};

const qn_command qn_cmd_verify = {
    .name = "verify", .operands = "PKG...", .summary = "check every byte of a package against its own records",
    .about = "Checks the archive's structure, the CRC of every entry, the padding between entries and the graph\n"
             "itself; of a shipping form (quern convert --ship) both it and the package in it. The first difference is named, and the exit code is 3.",
    .options = g_options, .examples = g_examples, .min_operands = 1, .max_operands = -1, .run = run};
