/* The house keeps its shape: who may include whom, and how long a file may be. That each header compiles alone is a rule
 * of the Makefile that `make unit` needs. */
#include <stdio.h>

#include "tests/structure/tree.h"
#include "tests/test.h"

enum { MAX_LINES = 500, LINE = 4096 };

/* The rooms, from the ground up. A file includes from its own and from those before it. */
static const char *const g_rooms[] = {"base", "ir",    "ops",     "kernels", "package", "run", "image",
                                      "read", "arch",  "quant",   "compare", "passes",  "api", "tools"};
enum { N_ROOMS = sizeof g_rooms / sizeof g_rooms[0] };

static const char *const g_sources[] = {".c", ".h", NULL};

/* The room that a path such as "kernels/ref/conv.c" lies in; N_ROOMS when in none. */
static int room_of(const char *path) {
    for (int i = 0; i < N_ROOMS; i++) {
        const size_t n = strlen(g_rooms[i]);
        if (strncmp(path, g_rooms[i], n) == 0 && path[n] == '/')
            return i;
    }
    return N_ROOMS;
}

typedef struct complaints {
    int n;
} complaints;

static void complain(complaints *c, const char *path, int line, const char *what) {
    print_message("           %s:%d: %s\n", path, line, what);
    c->n++;
}

/* The public header and its part. */
static bool is_public(const char *what) { return strcmp(what, "quern.h") == 0 || strcmp(what, "quern_convert.h") == 0; }

/* Tables are included by name (ops.def) or with their room (kernels/kernels.def); both generated headers and quern.h lie
 * in no room. */
static void check_include(complaints *c, const char *path, int number, const char *line) {
    char what[LINE], text[2 * LINE];
    if (sscanf(line, " # include \"%4095[^\"]\"", what) != 1)
        return;
    const char *inside = strncmp(path, "libconvert/", 11) == 0 ? path + 11 : path;
    const int from = room_of(inside), to = room_of(what);
    if (to < N_ROOMS && to > from) {
        snprintf(text, sizeof text, "%s/ may not include \"%s\"", g_rooms[from], what);
        complain(c, path, number, text);
    }
    if (to == N_ROOMS && !is_public(what) && !tree_ends_with(what, ".def") && !tree_ends_with(what, ".pb-c.h")) {
        snprintf(text, sizeof text, "\"%s\" is in no room: write \"room/file.h\"", what);
        complain(c, path, number, text);
    }
}

static void check_includes(void *arg, const char *path, const char *text) {
    char line[LINE];
    const bool alone = strncmp(path, "libconvert/", 11) == 0 && is_public(path + 11);
    for (int number = 1; tree_line(&text, line, sizeof line); number++) {
        char what[LINE];
        check_include(arg, path, number, line);
        if (alone && sscanf(line, " # include \"%4095[^\"]\"", what) == 1 && !is_public(what))
            complain(arg, path, number, "the public header stands alone");
    }
}

QN_TEST(structure_layout_includes) {
    complaints c = {0};
    int n = tree_each("libconvert", g_sources, check_includes, &c);
    n += tree_each("passes", g_sources, check_includes, &c);
    n += tree_each("tools", g_sources, check_includes, &c);
    assert_true(n > 200);
    assert_int_equal(c.n, 0);
}

/* A file is a room. */
static void check_length(void *arg, const char *path, const char *text) {
    char what[64];
    const int n = tree_count_lines(text);
    snprintf(what, sizeof what, "%d lines, at most %d", n, (int)MAX_LINES);
    if (n > MAX_LINES)
        complain(arg, path, n, what);
}

QN_TEST(structure_layout_file_lengths) {
    static const char *const folders[] = {"libconvert", "passes", "tools", "tests", "demo", "examples", "schemas"};
    static const char *const endings[] = {".c", ".h", ".def", ".sh", ".py", NULL};
    complaints c = {0};
    for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++)
        tree_each(folders[i], endings, check_length, &c);
    assert_int_equal(c.n, 0);
}

/* A header says its purpose before anything else, and may be included twice. Templates (*_impl.h) are included once for
 * each instruction set and have no guard. */
static void check_header(void *arg, const char *path, const char *text) {
    if (strncmp(text, "/* ", 3) != 0)
        complain(arg, path, 1, "opens with no comment");
    if (!tree_ends_with(path, "_impl.h") && !strstr(text, "#ifndef "))
        complain(arg, path, 1, "has no include guard");
}

QN_TEST(structure_layout_headers) {
    static const char *const folders[] = {"libconvert", "passes", "tools", "tests"};
    static const char *const endings[] = {".h", NULL};
    complaints c = {0};
    for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++)
        tree_each(folders[i], endings, check_header, &c);
    assert_int_equal(c.n, 0);
}

/* What is in the tree is done: nothing is left for later. */
static void check_done(void *arg, const char *path, const char *text) {
    static const char *const words[] = {"TODO", "FIXME", "HACK"};
    if (strstr(path, "tests/structure/"))
        return;
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (strstr(text, words[i]))
            complain(arg, path, 1, words[i]);
}

QN_TEST(structure_layout_nothing_left_for_later) {
    static const char *const folders[] = {"libconvert", "passes", "tools", "tests", "docs", "demo", "examples", "schemas"};
    static const char *const endings[] = {".c", ".h", ".def", ".sh", ".py", ".md", NULL};
    complaints c = {0};
    for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++)
        tree_each(folders[i], endings, check_done, &c);
    assert_int_equal(c.n, 0);
}

/* The library is quiet and never ends the process: no call of these in it. */
static void check_quiet(void *arg, const char *path, const char *text) {
    static const char *const calls[] = {"printf(", "puts(", "exit(", "abort(", "assert(", "perror(", "getenv("};
    char line[LINE];
    for (int number = 1; tree_line(&text, line, sizeof line); number++)
        for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
            const char *at = strstr(line, calls[i]);
            /* the start of a word: not snprintf, qn_buf_puts or _Static_assert; and nothing inside a comment */
            const bool word = at && (at == line || !strchr("abcdefghijklmnopqrstuvwxyz_", at[-1]));
            if (word && line[strspn(line, " ")] != '*' && !strstr(line, "/*") &&
                !(strcmp(calls[i], "getenv(") == 0 && strstr(path, "base/context.c")))
                complain(arg, path, number, calls[i]);
        }
}

QN_TEST(structure_layout_library_is_quiet) {
    complaints c = {0};
    tree_each("libconvert", g_sources, check_quiet, &c);
    tree_each("passes", g_sources, check_quiet, &c);
    assert_int_equal(c.n, 0);
}
