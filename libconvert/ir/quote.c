#include "ir/quote.h"

#include <string.h>

void qn_quote(qn_buf *out, const char *text, size_t n) {
    qn_buf_puts(out, "\"");
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c == '"' || c == '\\')
            qn_buf_printf(out, "\\%c", c);
        else if (c == '\n' || c == '\r' || c == '\t')
            qn_buf_puts(out, c == '\n' ? "\\n" : c == '\r' ? "\\r" : "\\t");
        else if (c < 0x20 || c == 0x7f)
            qn_buf_printf(out, "\\x%02x", (unsigned)c);
        else
            qn_buf_append(out, &text[i], 1);
    }
    qn_buf_puts(out, "\"");
}

static int hex_digit(char c) {
    static const char digits[] = "0123456789abcdef0123456789ABCDEF";
    const char *at = c ? strchr(digits, c) : NULL;
    return at ? (int)((at - digits) & 15) : -1;
}

/* The character behind a backslash at *at, which moves behind it. */
static bool unescape(const char **at, char *out) {
    static const char from[] = "nrt\"\\", to[] = "\n\r\t\"\\";
    const char *p = *at;
    if (*p == 'x') {
        int high = hex_digit(p[1]), low = high < 0 ? -1 : hex_digit(p[2]);
        if (low < 0 || (high == 0 && low == 0)) /* strings end at a 0 */
            return false;
        *out = (char)(high * 16 + low);
        *at = p + 3;
        return true;
    }
    const char *found = *p ? strchr(from, *p) : NULL;
    if (!found)
        return false;
    *out = to[found - from];
    *at = p + 1;
    return true;
}

bool qn_unquote(const char **at, qn_buf *out) {
    const char *p = *at;
    if (*p++ != '"')
        return false;
    while (*p && *p != '"') {
        char c = *p++;
        if (c == '\\' && !unescape(&p, &c))
            return false;
        if (out)
            qn_buf_append(out, &c, 1);
    }
    if (*p != '"')
        return false;
    *at = p + 1;
    return true;
}
