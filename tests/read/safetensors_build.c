#include "tests/read/safetensors_build.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

#include "tests/test.h"

qn_buf st_file(const char *header, const void *elements, size_t n) {
    qn_buf out = QN_BUF_INIT;
    const size_t n_header = strlen(header);
    for (int i = 0; i < 8; i++)
        qn_buf_append(&out, &(uint8_t){(uint8_t)(n_header >> (8 * i))}, 1);
    qn_buf_append(&out, header, n_header);
    if (elements)
        qn_buf_append(&out, elements, n);
    for (size_t i = 0; !elements && i < n; i++)
        qn_buf_append(&out, &(uint8_t){(uint8_t)i}, 1);
    return out;
}

qn_buf st_names(const char *names) {
    qn_buf header = QN_BUF_INIT, elements = QN_BUF_INIT;
    int n = 0;
    qn_buf_puts(&header, "{");
    for (const char *at = names; *at;) {
        const size_t length = strcspn(at, ",");
        qn_buf_printf(&header, "%s\"%.*s\": {\"dtype\": \"F32\", \"shape\": [1], \"data_offsets\": [%d, %d]}", n ? ", " : "",
                      (int)length, at, 4 * n, 4 * n + 4);
        n++;
        qn_buf_append(&elements, &(float){(float)n}, sizeof(float));
        at += length + (at[length] == ',');
    }
    qn_buf_puts(&header, "}");
    qn_buf out = st_file(header.data, elements.data ? elements.data : "", elements.n);
    qn_buf_free(&header);
    qn_buf_free(&elements);
    return out;
}

void st_folder(const char *name, char *path) {
    snprintf(path, 256, "%s/%s", qn_test_tmp(), name);
    if (mkdir(path, 0700) != 0 && errno != EEXIST)
        fail_msg("%s: cannot make the folder", path);
}

void st_write(const char *folder, const char *name, const void *data, size_t n) {
    char path[512];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(data, 1, n, f), n);
    assert_int_equal(fclose(f), 0);
}

void st_write_text(const char *folder, const char *name, const char *text) { st_write(folder, name, text, strlen(text)); }

void st_write_buf(const char *folder, const char *name, qn_buf buf) {
    st_write(folder, name, buf.data, buf.n);
    qn_buf_free(&buf);
}
