#include "tests/structure/tree.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>

#include "base/buf.h"
#include "tests/test.h"

enum { ROOM = 1024 };

bool tree_ends_with(const char *text, const char *end) {
    const size_t n = strlen(text), m = strlen(end);
    return n >= m && strcmp(text + n - m, end) == 0;
}

static char *read_stream(FILE *f) {
    qn_buf text = QN_BUF_INIT;
    char piece[4096];
    size_t n;
    qn_buf_append(&text, "", 0);
    while ((n = fread(piece, 1, sizeof piece, f)) > 0)
        qn_buf_append(&text, piece, n);
    assert_false(text.failed);
    return text.data;
}

char *tree_read(const char *path) {
    FILE *f = fopen(path, "rb");
    if (!f)
        fail_msg("%s cannot be read", path);
    char *text = read_stream(f);
    fclose(f);
    return text;
}

char *tree_output(const char *command) {
    FILE *f = popen(command, "r");
    assert_non_null(f);
    char *text = read_stream(f);
    const int status = pclose(f);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        fail_msg("'%s' does not end with 0", command);
    return text;
}

bool tree_line(const char **text, char *line, size_t room) {
    if (!**text)
        return false;
    const char *end = strchr(*text, '\n');
    const size_t n = end ? (size_t)(end - *text) : strlen(*text), kept = n < room ? n : room - 1;
    memcpy(line, *text, kept);
    line[kept] = 0;
    *text += end ? n + 1 : n;
    return true;
}

int tree_count_lines(const char *text) {
    int n = 0;
    for (; (text = strchr(text, '\n')); text++)
        n++;
    return n;
}

static bool wanted(const char *name, const char *const *endings) {
    for (; *endings; endings++)
        if (tree_ends_with(name, *endings))
            return true;
    return false;
}

int tree_each(const char *folder, const char *const *endings, tree_fn fn, void *arg) {
    struct dirent **entries;
    const int n = scandir(folder, &entries, NULL, alphasort);
    int found = 0;
    if (n < 0)
        fail_msg("%s cannot be listed", folder);
    for (int i = 0; i < n; i++) {
        char path[ROOM];
        const char *name = entries[i]->d_name;
        assert_true(snprintf(path, sizeof path, "%s/%s", folder, name) < ROOM);
        if (name[0] == '.') {
            free(entries[i]);
            continue;
        }
        if (entries[i]->d_type == DT_DIR) {
            found += tree_each(path, endings, fn, arg);
        } else if (wanted(name, endings)) {
            char *text = tree_read(path);
            fn(arg, path, text);
            free(text);
            found++;
        }
        free(entries[i]);
    }
    free(entries);
    return found;
}
