#include "tools/cli.h"

#include "ops/op.h"
#include "read/onnx.h"

static int print_json(void) {
    json_t *source = json_array(), *graph = json_array(), *top = json_object();
    int32_t n;
    const qn_onnx_op *ops = qn_onnx_ops(&n);
    for (int32_t i = 0; i < n; i++)
        json_array_append_new(source, json_pack("{s:s, s:i, s:i, s:s}", "name", ops[i].name, "since", ops[i].since,
                                                "until", ops[i].until, "becomes", ops[i].becomes));
    for (int op = 1; op < QN_OP_COUNT; op++) {
        const qn_op_info *row = qn_op_row((qn_op)op);
        json_array_append_new(graph, json_pack("{s:s, s:i, s:i, s:i, s:i, s:s}", "name", row->name, "min_inputs",
                                               row->min_in, "max_inputs", row->max_in, "min_outputs", row->min_out,
                                               "max_outputs", row->max_out, "attributes", row->attrs));
    }
    json_object_set_new(top, "onnx", source);
    json_object_set_new(top, "graph", graph);
    return cli_print_json(top);
}

static int run(const cli_args *args) {
    if (cli_flag(args, "json"))
        return print_json();
    int32_t n;
    const qn_onnx_op *ops = qn_onnx_ops(&n);
    printf("%d ONNX operators are read, each from the opsets given, and become ops of the graph\n\n", n);
    printf("%-24s %-8s %s\n", "operator", "opsets", "becomes");
    for (int32_t i = 0; i < n; i++) {
        char opsets[24];
        snprintf(opsets, sizeof opsets, "%d-%d", ops[i].since, ops[i].until);
        printf("%-24s %-8s %s\n", ops[i].name, opsets, ops[i].becomes[0] ? ops[i].becomes : "a constant");
    }
    printf("\n%d ops of the graph, and their attributes (name=kind:default)\n\n", QN_OP_COUNT - 1);
    for (int op = 1; op < QN_OP_COUNT; op++) {
        const qn_op_info *row = qn_op_row((qn_op)op);
        printf("%-24s %s\n", row->name, row->attrs);
    }
    return QN_OK;
}

static const qn_option g_options[] = {{NULL, 0, NULL, false, NULL}};
static const qn_example g_examples[] = {{"is an operator supported, and from which opset?", "quern ops | grep Resize"},
                                        {NULL, NULL}};

const qn_command qn_cmd_ops = {
    .name = "ops", .operands = "", .summary = "list the operators that are read, and the ops of the graph",
    .about = "An operator that is not in the first table is refused by name (exit code 4).",
    .options = g_options, .examples = g_examples, .min_operands = 0, .max_operands = 0, .run = run};
