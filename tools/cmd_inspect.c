#include "tools/inspect.h"

#include <stdlib.h>

/* ---- as JSON --------------------------------------------------------------------------------- */

static json_t *json_source(const qn_model *model) {
    qn_source_info s = qn_model_source(model);
    json_t *row = json_object(), *files = json_array();
    json_object_set_new(row, "format", json_string(s.format));
    json_object_set_new(row, "producer", s.producer ? json_string(s.producer) : json_null());
    json_object_set_new(row, "version", s.version ? json_string(s.version) : json_null());
    json_object_set_new(row, "recipe", s.recipe ? json_string(s.recipe) : json_null());
    json_object_set_new(row, "licence", s.licence ? json_string(s.licence) : json_null());
    for (int32_t i = 0; i < s.n_sources; i++)
        json_array_append_new(files, json_pack("{s:s, s:s}", "name", s.source_names[i], "hash", s.source_hashes[i]));
    json_object_set_new(row, "files", files);
    return row;
}

static json_t *json_preprocess(const qn_model *model) {
    qn_preprocess_info p;
    if (!qn_model_preprocess(model, &p))
        return json_null();
    return json_pack("{s:s, s:s, s:i, s:i, s:i, s:s, s:b, s:b, s:f, s:[f,f,f], s:[f,f,f]}", "input", p.input, "size", p.size,
                     "height", p.height, "width", p.width, "multiple", p.multiple, "interpolation", p.interpolation,
                     "antialias", p.antialias, "resize_last", p.resize_last, "rescale", p.rescale, "mean", p.mean[0],
                     p.mean[1], p.mean[2], "std", p.std[0], p.std[1], p.std[2]);
}

static int print_json(qn_context *ctx, const cli_args *args, qn_model *model, const qn_summary *s) {
    json_t *top = json_object(), *ops = json_object(), *storage = json_array(), *dims = json_array();
    json_object_set_new(top, "file", json_string(cli_operand(args, 0)));
    json_object_set_new(top, "source", json_source(model));
    json_object_set_new(top, "file_bytes", json_integer((json_int_t)qn_model_source(model).file_bytes));
    const bool shipped = qn_model_source(model).expanded_bytes > 0;
    json_object_set_new(top, "shipped", shipped ? json_integer((json_int_t)qn_model_source(model).file_bytes) : json_null());
    json_object_set_new(top, "expanded",
                        shipped ? json_integer((json_int_t)qn_model_source(model).expanded_bytes) : json_null());
    json_object_set_new(top, "parameters", json_integer(s->parameters));
    json_object_set_new(top, "bytes", json_integer((json_int_t)s->weight_bytes));
    json_object_set_new(top, "nodes", json_integer(s->nodes));
    json_object_set_new(top, "int8_products", json_integer(s->int8_products));
    for (int32_t i = 0; i < s->n_ops; i++)
        json_object_set_new(ops, s->ops[i].name, json_integer(s->ops[i].count));
    json_object_set_new(top, "ops", ops);
    for (int32_t i = 0; i < s->n_storage; i++)
        json_array_append_new(storage, json_pack("{s:s, s:I, s:I, s:I}", "storage", s->storage[i].name, "tensors",
                                                 (json_int_t)s->storage[i].count, "elements",
                                                 (json_int_t)s->storage[i].elements, "bytes",
                                                 (json_int_t)s->storage[i].bytes));
    json_object_set_new(top, "storage", storage);
    json_object_set_new(top, "inputs", cli_json_ports(model, false));
    json_object_set_new(top, "outputs", cli_json_ports(model, true));
    for (int32_t i = 0; i < qn_model_n_dims(model); i++)
        json_array_append_new(dims, json_pack("{s:s, s:s}", "name", qn_model_dim(model, i).name, "range",
                                              qn_model_dim(model, i).range));
    json_object_set_new(top, "dimensions", dims);
    json_object_set_new(top, "preprocess", json_preprocess(model));
    if (cli_flag(args, "weights")) {
        const qn_weight_info *rows;
        int32_t n;
        qn_status status = qn_model_weights(ctx, model, &rows, &n);
        if (status != QN_OK) {
            json_decref(top);
            return cli_fail(ctx, status);
        }
        json_object_set_new(top, "weights", inspect_json_weights(rows, n));
    }
    if (cli_flag(args, "nodes")) {
        char *text;
        qn_status status = qn_model_text(ctx, model, &text);
        if (status != QN_OK) {
            json_decref(top);
            return cli_fail(ctx, status);
        }
        json_object_set_new(top, "text", json_string(text));
        free(text);
    }
    return cli_print_json(top);
}

/* ---- as text ---------------------------------------------------------------------------------- */

static void print_ports(const qn_model *model, bool outputs) {
    int32_t n = outputs ? qn_model_n_outputs(model) : qn_model_n_inputs(model);
    for (int32_t i = 0; i < n; i++) {
        qn_port_info port = outputs ? qn_model_output(model, i) : qn_model_input(model, i);
        printf("  %-7s %s: %s[", outputs ? "output" : "input", port.name, qn_dtype_name(port.dtype));
        if (port.rank < 0)
            printf("...");
        for (int32_t k = 0; k < port.rank; k++)
            printf("%s%s", k ? "," : "", port.dim_text[k]);
        printf("]\n");
    }
}

static void print_source(const qn_model *model) {
    qn_source_info s = qn_model_source(model);
    if (s.producer && s.producer[0])
        printf("  made by %s\n", s.producer);
    if (s.version)
        printf("  converted by quern %s%s%s\n", s.version, s.recipe && s.recipe[0] ? ": " : "", s.recipe ? s.recipe : "");
    for (int32_t i = 0; i < s.n_sources; i++)
        printf("  source  %s %s\n", s.source_names[i], s.source_hashes[i]);
    if (s.licence && s.licence[0])
        printf("  licence %s\n", s.licence);
}

static void print_preprocess(const qn_model *model) {
    qn_preprocess_info p;
    if (!qn_model_preprocess(model, &p))
        return;
    printf("  %-7s to %s: size %s", "photo", p.input, p.size);
    if (p.height)
        printf(" %d x %d", p.height, p.width);
    if (p.multiple > 1)
        printf(", multiples of %d", p.multiple);
    printf(", %s%s %s; x * %.9g, mean %g %g %g, std %g %g %g\n", p.interpolation, p.antialias ? " with antialias" : "",
           p.resize_last ? "after normalising" : "in 8 bits", p.rescale, p.mean[0], p.mean[1], p.mean[2], p.std[0], p.std[1],
           p.std[2]);
}

static void print_summary(const cli_args *args, const qn_model *model, const qn_summary *s) {
    char a[32], b[32];
    printf("%s: %s, %s; %lld parameters in %s\n", cli_operand(args, 0), qn_model_source(model).format,
           cli_bytes_text((double)qn_model_source(model).file_bytes, a), (long long)s->parameters,
           cli_bytes_text((double)s->weight_bytes, b));
    if (qn_model_source(model).expanded_bytes)
        printf("  in shipping form; expands to a package of %s\n",
               cli_bytes_text((double)qn_model_source(model).expanded_bytes, a));
    print_source(model);
    print_ports(model, false);
    print_ports(model, true);
    for (int32_t i = 0; i < qn_model_n_dims(model); i++)
        printf("  %-7s %s=%s\n", "dim", qn_model_dim(model, i).name, qn_model_dim(model, i).range);
    print_preprocess(model);
    printf("\n  %-24s %8s %14s %12s\n", "storage", "tensors", "elements", "bytes");
    for (int32_t i = 0; i < s->n_storage; i++)
        printf("  %-24s %8lld %14lld %12llu\n", s->storage[i].name, (long long)s->storage[i].count,
               (long long)s->storage[i].elements, (unsigned long long)s->storage[i].bytes);
    printf("\n  %lld nodes:", (long long)s->nodes);
    for (int32_t i = 0; i < s->n_ops; i++)
        printf("%s %s %lld", i ? "," : "", s->ops[i].name, (long long)s->ops[i].count);
    printf("\n");
    if (s->int8_products)
        printf("  %lld products take their input as int8\n", (long long)s->int8_products);
}

static qn_status print_weights(qn_context *ctx, qn_model *model) {
    const qn_weight_info *rows;
    int32_t n;
    qn_status status = qn_model_weights(ctx, model, &rows, &n);
    if (status != QN_OK)
        return status;
    printf("\n");
    inspect_print_weights(rows, n);
    return QN_OK;
}

static qn_status print_text(qn_context *ctx, const qn_model *model,
                            qn_status (*make)(qn_context *, const qn_model *, char **)) {
    char *text;
    qn_status status = make(ctx, model, &text);
    if (status != QN_OK)
        return status;
    fputs(text, stdout);
    free(text);
    return QN_OK;
}

static int inspect(qn_context *ctx, const cli_args *args, qn_model *model) {
    qn_summary summary;
    qn_status status;
    if (cli_flag(args, "dot")) {
        status = print_text(ctx, model, qn_model_dot);
        return status == QN_OK ? QN_OK : cli_fail(ctx, status);
    }
    status = qn_model_summary(ctx, model, &summary);
    if (status != QN_OK)
        return cli_fail(ctx, status);
    if (cli_flag(args, "json"))
        return print_json(ctx, args, model, &summary);
    print_summary(args, model, &summary);
    if (cli_flag(args, "weights"))
        status = print_weights(ctx, model);
    if (status == QN_OK && cli_flag(args, "nodes")) {
        putchar('\n');
        status = print_text(ctx, model, qn_model_text);
    }
    return status == QN_OK ? QN_OK : cli_fail(ctx, status);
}

static int run(const cli_args *args) {
    qn_context *ctx = cli_context(args);
    if (!ctx)
        return QN_USAGE;
    int n_dims, code;
    if (inspect_wants_tensors(args)) {
        code = inspect_tensors(ctx, args);
        qn_context_destroy(ctx);
        return code;
    }
    qn_load_options options = {.dims = cli_list(args, "dim", &n_dims)};
    options.n_dims = n_dims;
    qn_model *model;
    qn_status status = qn_model_load(ctx, cli_operand(args, 0), &options, &model);
    if (status != QN_OK) {
        code = cli_fail(ctx, status);
    } else {
        code = inspect(ctx, args, model);
        qn_model_destroy(model);
    }
    qn_context_destroy(ctx);
    return code;
}

static const qn_option g_options[] = {
    {"nodes", 0, NULL, false, "the whole graph as text, one node a line, with shapes"},
    {"weights", 'w', NULL, false, "every constant: scheme or storage, shape, bytes, bits a weight, SQNR,\nand why it was left alone"},
    {"tensors", 0, NULL, false, "the tensors that a checkpoint stores, in place of its graph; so also for a\nsafetensors file without --nodes or --dot"},
    {"dot", 0, NULL, false, "the graph for Graphviz, and nothing else"},
    {"dim", 0, "NAME=RANGE", true, "bind a dimension: batch=1..64, height=14..2072:14, seq=32|128"},
    {NULL, 0, NULL, false, NULL},
};
static const qn_example g_examples[] = {
    {"what is in a model", "quern inspect model.onnx"},
    {"the shapes of every layer at one size", "quern inspect model.onnx --nodes --dim height=518 --dim width=518"},
    {"the tensors of a file", "quern inspect model.safetensors"},
    {"a drawing", "quern inspect model.quern --dot | dot -Tsvg -o model.svg"},
    {NULL, NULL},
};

const qn_command qn_cmd_inspect = {
    .name = "inspect", .operands = "SRC", .summary = "show what is in a model or package",
    .about = "Inputs, outputs, dimensions, parameters, bytes by storage, and how often each op occurs. SRC is an .onnx\n"
             "file, a checkpoint folder, a safetensors file or a .quern package.",
    .options = g_options, .examples = g_examples, .min_operands = 1, .max_operands = 1, .run = run};
