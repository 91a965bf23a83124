/* Where the entries of a package lie, and the headers around them. PKWARE's APPNOTE 6.3.9 gives the records. */
#include "package/zip.h"

#include <string.h>

#include "base/checked.h"

enum {
    VERSION = 45,                 /* ZIP64 */
    MADE_BY = 3 << 8 | VERSION,   /* Unix: the attributes below are a mode */
    DATE = 1 << 5 | 1,            /* 1980-01-01, the first day that ZIP knows */
    ALIGN_ID = 0xD935,            /* alignment field: u16 alignment, then zeros */
    ZIP64_ID = 0x0001
};
#define MODE (0100644u << 16)
#define LOCAL_FIXED 30u
#define LOCAL_ZIP64 20u
#define LOCAL_ALIGN 6u
#define CENTRAL_FIXED 46u
#define CENTRAL_ZIP64 28u
#define MAX_OFFSET ((uint64_t)INT64_MAX)

static uint8_t *put(uint8_t *p, uint64_t v, int n) {
    for (int i = 0; i < n; i++)
        *p++ = (uint8_t)(v >> (8 * i));
    return p;
}

bool qn_zip_name_ok(const char *name, size_t n) {
    if (n == 0 || n > QN_ZIP_MAX_NAME)
        return false;
    size_t part = 0; /* where this part of the path begins */
    for (size_t i = 0; i <= n; i++) {
        if (i == n || name[i] == '/') {
            size_t len = i - part;
            if (len == 0 || (len == 1 && name[part] == '.') || (len == 2 && name[part] == '.' && name[part + 1] == '.'))
                return false;
            part = i + 1;
            continue;
        }
        char c = name[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-'))
            return false;
    }
    return true;
}

static uint64_t local_least(const qn_zip_entry *e) { return LOCAL_FIXED + strlen(e->name) + LOCAL_ZIP64 + LOCAL_ALIGN; }

bool qn_zip_place_one(qn_zip_entry *e, uint64_t at, uint64_t *end) {
    size_t data;
    e->header = at;
    if (!qn_add_size(at, local_least(e), &data) || !qn_align_size(data, QN_ZIP_ALIGN, &data))
        return false;
    e->data = data;
    return qn_add_size(data, e->n_bytes, end) && *end <= MAX_OFFSET;
}

bool qn_zip_place(qn_zip_entry *entries, int64_t n, uint64_t *end) {
    *end = 0;
    for (int64_t i = 0; i < n; i++)
        if (!qn_zip_place_one(&entries[i], *end, end))
            return false;
    return true;
}

void qn_zip_put_local(const qn_zip_entry *e, uint8_t *out) {
    size_t name = strlen(e->name);
    size_t extra = (size_t)(e->data - e->header) - LOCAL_FIXED - name;
    uint8_t *p = out;
    p = put(p, 0x04034b50, 4);
    p = put(p, VERSION, 2);
    p = put(p, 0, 2); /* flags */
    p = put(p, 0, 2); /* method: stored */
    p = put(p, 0, 2); /* time */
    p = put(p, DATE, 2);
    p = put(p, e->crc, 4);
    p = put(p, 0xffffffff, 4);
    p = put(p, 0xffffffff, 4);
    p = put(p, name, 2);
    p = put(p, extra, 2);
    memcpy(p, e->name, name);
    p += name;
    p = put(p, ZIP64_ID, 2);
    p = put(p, 16, 2);
    p = put(p, e->n_bytes, 8);
    p = put(p, e->n_bytes, 8);
    p = put(p, ALIGN_ID, 2);
    p = put(p, extra - LOCAL_ZIP64 - 4, 2);
    p = put(p, QN_ZIP_ALIGN, 2);
    memset(p, 0, extra - LOCAL_ZIP64 - LOCAL_ALIGN);
}

size_t qn_zip_central_bytes(const qn_zip_entry *e) { return CENTRAL_FIXED + strlen(e->name) + CENTRAL_ZIP64; }

void qn_zip_put_central(const qn_zip_entry *e, uint8_t *out) {
    size_t name = strlen(e->name);
    uint8_t *p = out;
    p = put(p, 0x02014b50, 4);
    p = put(p, MADE_BY, 2);
    p = put(p, VERSION, 2);
    p = put(p, 0, 2);
    p = put(p, 0, 2);
    p = put(p, 0, 2);
    p = put(p, DATE, 2);
    p = put(p, e->crc, 4);
    p = put(p, 0xffffffff, 4);
    p = put(p, 0xffffffff, 4);
    p = put(p, name, 2);
    p = put(p, CENTRAL_ZIP64, 2);
    p = put(p, 0, 2); /* comment */
    p = put(p, 0, 2); /* disk */
    p = put(p, 0, 2); /* internal attributes */
    p = put(p, MODE, 4);
    p = put(p, 0xffffffff, 4);
    memcpy(p, e->name, name);
    p += name;
    p = put(p, ZIP64_ID, 2);
    p = put(p, 24, 2);
    p = put(p, e->n_bytes, 8);
    p = put(p, e->n_bytes, 8);
    (void)put(p, e->header, 8);
}

void qn_zip_put_end(uint64_t n_entries, uint64_t central, uint64_t central_bytes, uint8_t out[QN_ZIP_END_BYTES]) {
    uint8_t *p = out;
    p = put(p, 0x06064b50, 4);
    p = put(p, 44, 8); /* bytes of this record after this field */
    p = put(p, MADE_BY, 2);
    p = put(p, VERSION, 2);
    p = put(p, 0, 4);
    p = put(p, 0, 4);
    p = put(p, n_entries, 8);
    p = put(p, n_entries, 8);
    p = put(p, central_bytes, 8);
    p = put(p, central, 8);
    p = put(p, 0x07064b50, 4);
    p = put(p, 0, 4);
    p = put(p, central + central_bytes, 8);
    p = put(p, 1, 4);
    p = put(p, 0x06054b50, 4);
    p = put(p, 0, 2);
    p = put(p, 0, 2);
    p = put(p, 0xffff, 2);
    p = put(p, 0xffff, 2);
    p = put(p, 0xffffffff, 4);
    p = put(p, 0xffffffff, 4);
    (void)put(p, 0, 2); /* comment */
}
