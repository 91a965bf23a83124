#include "tests/read/onnx_build.h"

#include <stdlib.h>
#include <string.h>

void pb_varint(qn_buf *out, uint64_t v) {
    do {
        uint8_t byte = (uint8_t)((v & 0x7f) | (v > 0x7f ? 0x80 : 0));
        qn_buf_append(out, &byte, 1);
        v >>= 7;
    } while (v);
}

void pb_key(qn_buf *out, uint32_t field, int wire_type) { pb_varint(out, (uint64_t)field << 3 | (uint64_t)wire_type); }

void pb_int(qn_buf *out, uint32_t field, int64_t v) {
    pb_key(out, field, 0);
    pb_varint(out, (uint64_t)v);
}

void pb_float(qn_buf *out, uint32_t field, float v) {
    pb_key(out, field, 5);
    qn_buf_append(out, &v, 4);
}

void pb_bytes(qn_buf *out, uint32_t field, const void *data, size_t n) {
    pb_key(out, field, 2);
    pb_varint(out, n);
    qn_buf_append(out, data, n);
}

void pb_string(qn_buf *out, uint32_t field, const char *text) { pb_bytes(out, field, text, strlen(text)); }

void pb_message(qn_buf *out, uint32_t field, qn_buf message) {
    pb_bytes(out, field, message.data, message.n);
    qn_buf_free(&message);
}

qn_buf ob_tensor_head(const char *name, qn_dtype dtype, const int64_t *dims) {
    qn_buf t = QN_BUF_INIT;
    for (; *dims != -1; dims++)
        pb_int(&t, 1, *dims);
    pb_int(&t, 2, (int64_t)dtype);
    pb_string(&t, 8, name);
    return t;
}

qn_buf ob_tensor(const char *name, qn_dtype dtype, const int64_t *dims, const void *data, size_t n_bytes) {
    qn_buf t = ob_tensor_head(name, dtype, dims);
    pb_bytes(&t, 9, data, n_bytes);
    return t;
}

/* Calls put(out, field, text) for each text between commas. */
static void each_name(qn_buf *out, uint32_t field, const char *names) {
    for (const char *p = names; *names;) {
        size_t n = strcspn(p, ",");
        pb_bytes(out, field, p, n);
        if (!p[n])
            return;
        p += n + 1;
    }
}

qn_buf ob_value(const char *name, qn_dtype dtype, const char *dims) {
    qn_buf value = QN_BUF_INIT, type = QN_BUF_INIT, tensor = QN_BUF_INIT, shape = QN_BUF_INIT;
    for (const char *p = dims; p && *p;) {
        qn_buf dim = QN_BUF_INIT;
        size_t n = strcspn(p, ",");
        if (*p == '-' || (*p >= '0' && *p <= '9'))
            pb_int(&dim, 1, strtoll(p, NULL, 10));
        else if (*p != '?')
            pb_bytes(&dim, 2, p, n);
        pb_message(&shape, 1, dim);
        p += n + (p[n] != 0);
    }
    pb_int(&tensor, 1, (int64_t)dtype);
    if (dims)
        pb_message(&tensor, 2, shape);
    pb_message(&type, 1, tensor);
    pb_string(&value, 1, name);
    pb_message(&value, 2, type);
    return value;
}

qn_buf ob_node(const char *op, const char *inputs, const char *outputs) {
    qn_buf node = QN_BUF_INIT;
    each_name(&node, 1, inputs);
    each_name(&node, 2, outputs);
    pb_string(&node, 4, op);
    return node;
}

static qn_buf attr(const char *name, int type) {
    qn_buf a = QN_BUF_INIT;
    pb_string(&a, 1, name);
    pb_int(&a, 20, type);
    return a;
}

void ob_attr_int(qn_buf *node, const char *name, int64_t v) {
    qn_buf a = attr(name, 2);
    pb_int(&a, 3, v);
    pb_message(node, 5, a);
}

void ob_attr_float(qn_buf *node, const char *name, float v) {
    qn_buf a = attr(name, 1);
    pb_float(&a, 2, v);
    pb_message(node, 5, a);
}

void ob_attr_string(qn_buf *node, const char *name, const char *v) {
    qn_buf a = attr(name, 3);
    pb_string(&a, 4, v);
    pb_message(node, 5, a);
}

void ob_attr_ints(qn_buf *node, const char *name, const int64_t *v, size_t n) {
    qn_buf a = attr(name, 7);
    for (size_t i = 0; i < n; i++)
        pb_int(&a, 8, v[i]);
    pb_message(node, 5, a);
}

void ob_attr_floats(qn_buf *node, const char *name, const float *v, size_t n) {
    qn_buf a = attr(name, 6);
    pb_bytes(&a, 7, v, n * sizeof *v);
    pb_message(node, 5, a);
}

void ob_attr_tensor(qn_buf *node, const char *name, qn_buf tensor) {
    qn_buf a = attr(name, 4);
    pb_message(&a, 5, tensor);
    pb_message(node, 5, a);
}

void ob_attr_graph(qn_buf *node, const char *name, qn_buf graph) {
    qn_buf a = attr(name, 5);
    pb_message(&a, 6, graph);
    pb_message(node, 5, a);
}

void ob_attr_ref(qn_buf *node, const char *name, int type, const char *ref) {
    qn_buf a = attr(name, type);
    pb_string(&a, 21, ref);
    pb_message(node, 5, a);
}

qn_buf ob_opset(const char *domain, int64_t version) {
    qn_buf opset = QN_BUF_INIT;
    if (*domain)
        pb_string(&opset, 1, domain);
    pb_int(&opset, 2, version);
    return opset;
}

qn_buf ob_model(int64_t opset, qn_buf graph) {
    qn_buf model = QN_BUF_INIT;
    pb_int(&model, 1, 8);
    pb_message(&model, OB_OPSET, ob_opset("", opset));
    pb_message(&model, OB_GRAPH, graph);
    return model;
}
