#include "tools/cli.h"

#include "passes/pass.h"

static int run(const cli_args *args) {
    int32_t n;
    const qn_pass *passes = qn_passes(&n);
    if (cli_flag(args, "json")) {
        json_t *rows = json_array(), *top = json_object();
        for (int32_t i = 0; i < n; i++)
            json_array_append_new(rows, json_pack("{s:s, s:s, s:s, s:s}", "name", passes[i].name, "group",
                                                  passes[i].group, "after", passes[i].after, "summary",
                                                  passes[i].summary));
        json_object_set_new(top, "passes", rows);
        return cli_print_json(top);
    }
    for (int32_t i = 0; i < n; i++)
        printf("%-28s %-7s %s\n", passes[i].name, passes[i].group, passes[i].summary);
    return QN_OK;
}

static const qn_option g_options[] = {{NULL, 0, NULL, false, NULL}};
static const qn_example g_examples[] = {{"the passes in the order in which they run", "quern passes"}, {NULL, NULL}};

const qn_command qn_cmd_passes = {
    .name = "passes", .operands = "", .summary = "list the graph passes in the order in which they run",
    .about = "Group clean is repeated until nothing changes, before and after the others; fuse and finish run once.",
    .options = g_options, .examples = g_examples, .min_operands = 0, .max_operands = 0, .run = run};
