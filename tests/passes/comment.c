#include "tests/passes/comment.h"

#include <stdio.h>
#include <string.h>

enum { MAX_BLOCKS = 64, MAX_LINES = 1024, MAX_NAMES = 512 };

typedef struct text_line {
    const char *s; /* 0-terminated, the " * " before it gone */
    int32_t number;
} text_line;

char *qn_comment_file(qn_arena *arena, const char *path) {
    FILE *f = fopen(path, "rb");
    if (!f)
        return NULL;
    enum { MAX_FILE = 1 << 20 };
    char *text = qn_arena_alloc(arena, MAX_FILE + 1);
    const size_t n = text ? fread(text, 1, MAX_FILE, f) : 0;
    fclose(f);
    if (text)
        text[n] = 0;
    return text;
}

/* Lines of the comment at the start of the file; -1 when there is none. */
static int32_t comment_lines(qn_arena *arena, const char *source, text_line *lines) {
    if (strncmp(source, "/* ", 3) != 0)
        return -1;
    int32_t n = 0;
    const char *end = strstr(source, "*/");
    for (const char *s = source + 3; end && s < end && n < MAX_LINES;) {
        size_t k = strcspn(s, "\n");
        if (s + k > end)
            k = (size_t)(end - s);
        if (n > 0) {
            const size_t margin = strncmp(s, " * ", 3) == 0 ? 3 : strncmp(s, " *", 2) == 0 ? 2 : 0;
            s += margin < k ? margin : k;
            k -= margin < k ? margin : k;
        }
        while (k > 0 && s[k - 1] == ' ')
            k--;
        lines[n] = (text_line){qn_arena_strndup(arena, s, k), n + 1};
        n++;
        s += strcspn(s, "\n");
        s += *s == '\n';
    }
    return n;
}

/* "Before:", "Before (label):" and so on. */
static bool is_header(qn_arena *arena, const char *line, qn_block *block) {
    static const char *const words[] = {"Before", "After", "Unchanged"};
    for (int32_t i = 0; i < 3; i++) {
        const size_t k = strlen(words[i]), n = strlen(line);
        if (strncmp(line, words[i], k) != 0 || line[n - 1] != ':')
            continue;
        const bool bare = n == k + 1, labelled = line[k] == ' ' && line[k + 1] == '(' && line[n - 2] == ')';
        if (!bare && !labelled)
            continue;
        block->kind = (qn_block_kind)i;
        block->label = bare ? "" : qn_arena_strndup(arena, line + k + 2, n - k - 4);
        return true;
    }
    return false;
}

static bool indented(const char *line) { return strncmp(line, "    ", 4) == 0; }

/* ---- names ------------------------------------------------------------------------------------ */

typedef struct names {
    qn_arena *arena;
    qn_table *table;
} names;

/* A colon at the end belongs to the type that follows. */
static size_t name_length(const char *s) {
    size_t n = 0;
    while (s[n] && strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_./:'-", s[n]))
        n++;
    while (n > 0 && s[n - 1] == ':')
        n--;
    return n;
}

static void add_name(names *t, const char *s) { qn_table_put(t->table, qn_arena_strndup(t->arena, s, name_length(s)), t); }

static bool has_name(const names *t, const char *s) { return qn_table_get_n(t->table, s, name_length(s)) != NULL; }

static bool is_declaration(const char *line) {
    line += strspn(line, " ");
    return strncmp(line, "input ", 6) == 0 || strncmp(line, "const ", 6) == 0;
}

static names new_names(qn_arena *arena) { return (names){arena, qn_table_create(arena)}; }

/* Names that a line defines: the first one of a declaration, those left of the "=" of a node. */
static void add_defined(names *t, const char *line) {
    const char *end = strchr(line, '=');
    const bool declaration = is_declaration(line);
    if (!declaration && !end)
        return;
    for (const char *s = strchr(line, '%'); s && (declaration || s < end); s = strchr(s + 1, '%')) {
        add_name(t, s + 1);
        if (declaration)
            return;
    }
}

/* ---- blocks ------------------------------------------------------------------------------------ */

typedef struct block_lines {
    const text_line *lines;
    int32_t n;
} block_lines;

static bool has_outputs(const block_lines *b) {
    for (int32_t i = 0; i < b->n; i++)
        if (strncmp(b->lines[i].s, "    output ", 11) == 0)
            return true;
    return false;
}

/* The block's text with what it inherits from `before`; in an After, unknown names become constants. */
static const char *complete(qn_arena *arena, const block_lines *before, const block_lines *b, qn_block *block) {
    names defined = new_names(arena), any = new_names(arena);
    const char *head = "", *text = "";
    for (int32_t i = 0; i < b->n; i++) {
        add_defined(&defined, b->lines[i].s);
        text = qn_arena_printf(arena, "%s%s\n", text, b->lines[i].s);
    }
    for (int32_t i = 0; before != b && i < before->n; i++) {
        const char *line = before->lines[i].s;
        if (is_declaration(line) && !has_name(&defined, strchr(line, '%') + 1)) {
            head = qn_arena_printf(arena, "%s%s\n", head, line);
            add_defined(&defined, line);
        } else if (!has_outputs(b) && strncmp(line, "    output ", 11) == 0) {
            text = qn_arena_printf(arena, "%s%s\n", text, line);
        }
    }
    for (int32_t i = 0; block->kind == QN_BLOCK_AFTER && i < b->n; i++)
        for (const char *s = strchr(b->lines[i].s, '%'); s; s = strchr(s + 1, '%'))
            if (!has_name(&defined, s + 1) && !has_name(&any, s + 1)) {
                add_name(&any, s + 1);
                head = qn_arena_printf(arena, "%s    const %%%.*s: float32[] = 0\n", head, (int)name_length(s + 1), s + 1);
            }
    block->any = any.table;
    return qn_arena_printf(arena, "%s%s", head, text);
}

const char *qn_comment_blocks(qn_arena *arena, const char *source, const char *name, const qn_block **out,
                              int32_t *n_blocks) {
    text_line *lines = qn_arena_array(arena, MAX_LINES, sizeof *lines);
    qn_block *blocks = qn_arena_array(arena, MAX_BLOCKS, sizeof *blocks);
    block_lines *body = qn_arena_array(arena, MAX_BLOCKS, sizeof *body);
    const int32_t n_lines = comment_lines(arena, source, lines);
    const size_t k = strlen(name);
    int32_t n = 0, before = -1;
    if (n_lines < 1 || strncmp(lines[0].s, name, k) != 0 || lines[0].s[k] != ':' || lines[0].s[k + 1] != ' ')
        return qn_arena_printf(arena, "the file must begin with \"/* %s: \"", name);
    for (int32_t i = 0; i < n_lines && n < MAX_BLOCKS; i++) {
        qn_block *block = &blocks[n];
        if (!is_header(arena, lines[i].s, block))
            continue;
        block->line = lines[i].number;
        body[n].lines = &lines[i + 1];
        while (i + 1 < n_lines && indented(lines[i + 1].s))
            i++, body[n].n++;
        if (body[n].n == 0)
            return qn_arena_printf(arena, "line %d: a block without lines", block->line);
        if (block->kind == QN_BLOCK_BEFORE)
            before = n;
        if (before < 0)
            return qn_arena_printf(arena, "line %d: no Before above", block->line);
        block->before = before;
        block->text = complete(arena, &body[before], &body[n], block);
        n++;
    }
    *out = blocks;
    *n_blocks = n;
    return NULL;
}
