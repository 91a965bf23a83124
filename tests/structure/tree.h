/* The checkout's own files, for tests that look at them. */
#ifndef QN_TESTS_STRUCTURE_TREE_H
#define QN_TESTS_STRUCTURE_TREE_H

#include <stdbool.h>
#include <stddef.h>

/** `text` is the whole file, a 0 after it, and lives until fn returns. */
typedef void (*tree_fn)(void *arg, const char *path, const char *text);

/** fn on each file below `folder` whose name ends with one of `endings` (".c", ".h"; the list ends with NULL), by name.
 *  The test fails where a file or folder cannot be read. Returns how many there were. */
int tree_each(const char *folder, const char *const *endings, tree_fn fn, void *arg);

/** The whole file, a 0 after it; free() it. The test fails when it cannot be read. */
char *tree_read(const char *path);
/** What the shell command prints on stdout; free() it. The test fails when it does not end with 0. */
char *tree_output(const char *command);

/** The next line of *text without its end, in line[0..room), cut there; *text moves on. False after the last. */
bool tree_line(const char **text, char *line, size_t room);
/** Lines of the text. */
int tree_count_lines(const char *text);
bool tree_ends_with(const char *text, const char *end);

#endif
