#include "read/utf8.h"

/* Lead byte -> number of continuation bytes and the range of the first of them (RFC 3629, section 4). */
static const struct {
    uint8_t first, last, n, low, high;
} leads[] = {
    {0xc2, 0xdf, 1, 0x80, 0xbf}, {0xe0, 0xe0, 2, 0xa0, 0xbf}, {0xe1, 0xec, 2, 0x80, 0xbf},
    {0xed, 0xed, 2, 0x80, 0x9f}, {0xee, 0xef, 2, 0x80, 0xbf}, {0xf0, 0xf0, 3, 0x90, 0xbf},
    {0xf1, 0xf3, 3, 0x80, 0xbf}, {0xf4, 0xf4, 3, 0x80, 0x8f},
};

const char *qn_utf8_check(const uint8_t *text, size_t n) {
    for (size_t i = 0; i < n;) {
        if (text[i] == 0)
            return "text with a zero byte";
        if (text[i] < 0x80) {
            i++;
            continue;
        }
        size_t row = 0, rows = sizeof leads / sizeof leads[0];
        while (row < rows && !(text[i] >= leads[row].first && text[i] <= leads[row].last))
            row++;
        if (row == rows || n - i <= leads[row].n || text[i + 1] < leads[row].low || text[i + 1] > leads[row].high)
            return "text that is not UTF-8";
        for (size_t k = 2; k <= leads[row].n; k++)
            if ((text[i + k] & 0xc0) != 0x80)
                return "text that is not UTF-8";
        i += 1u + leads[row].n;
    }
    return NULL;
}
