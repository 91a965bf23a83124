/* README.md and docs/ speak of what exists: commands, their options, make targets, files.
 *
 * An option on a line is one of the last "quern COMMAND" before it on that line, or of any command when there is none;
 * options after the name of another program are that program's. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "tests/structure/tree.h"
#include "tests/test.h"

enum { MAX_COMMANDS = 32, LINE = 8192, NAME = 64 };

typedef struct commands {
    int n;
    char name[MAX_COMMANDS][NAME];
    char *help[MAX_COMMANDS];
    char *top, *makefile;
    int n_wrong;
} commands;

static char *help_of(const char *command) {
    char line[1024];
    const char *quern = getenv("QUERN");
    snprintf(line, sizeof line, "'%s' %s --help", quern ? quern : "build/release/quern", command);
    return tree_output(line);
}

/* Rows of "commands" in the help: two spaces, a name. */
static void learn(commands *c) {
    char line[LINE];
    *c = (commands){.top = help_of(""), .makefile = tree_read("Makefile")};
    const char *at = strstr(c->top, "\ncommands\n");
    assert_non_null(at);
    for (at += strlen("\ncommands\n"); tree_line(&at, line, sizeof line) && line[0] == ' ';) {
        assert_true(c->n < MAX_COMMANDS);
        assert_int_equal(sscanf(line, "%63s", c->name[c->n]), 1);
        c->help[c->n] = help_of(c->name[c->n]);
        c->n++;
    }
    assert_true(c->n >= 8);
}

static void forget(commands *c) {
    for (int i = 0; i < c->n; i++)
        free(c->help[i]);
    free(c->top);
    free(c->makefile);
}

static int command_index(const commands *c, const char *name) {
    for (int i = 0; i < c->n; i++)
        if (strcmp(c->name[i], name) == 0)
            return i;
    return -1;
}

/* The option as a whole word. */
static bool mentions(const char *text, const char *option) {
    const size_t n = strlen(option);
    for (const char *at = text; (at = strstr(at, option)); at += n)
        if (!isalnum((unsigned char)at[n]) && at[n] != '-')
            return true;
    return false;
}

static bool is_known(const commands *c, int command, const char *option) {
    if (command >= 0)
        return mentions(c->help[command], option);
    for (int i = 0; i < c->n; i++)
        if (mentions(c->help[i], option))
            return true;
    return mentions(c->top, option);
}

static size_t word_at(const char *at, char *word) {
    size_t n = 0;
    while ((isalnum((unsigned char)at[n]) || at[n] == '-' || at[n] == '_') && n < NAME - 1) {
        word[n] = at[n];
        n++;
    }
    word[n] = 0;
    return n;
}

static void complain(commands *c, const char *path, int number, const char *what, const char *word) {
    print_message("           %s:%d: %s '%s'\n", path, number, what, word);
    c->n_wrong++;
}

static bool is_foreign(const char *word) {
    static const char *const programs[] = {"pkg-config", "unzip", "python3", "git", "valgrind", "gcc", "clang", "apt-get"};
    for (size_t i = 0; i < sizeof programs / sizeof programs[0]; i++)
        if (strcmp(word, programs[i]) == 0)
            return true;
    return false;
}

/* `make TARGET` in a code span or block. */
static void check_target(commands *c, const char *path, int number, const char *target) {
    char rule[NAME + 8];
    snprintf(rule, sizeof rule, "\n%s:", target);
    if (!strstr(c->makefile, rule))
        complain(c, path, number, "make has no target", target);
}

static void check_line(commands *c, const char *path, int number, const char *line) {
    int command = -1;
    bool foreign = false;
    char word[NAME], next[NAME];
    const char *at = line;
    const bool block = strncmp(line, "    ", 4) == 0;
    while (*at) {
        const size_t n = word_at(at, word);
        if (!n) {
            at++;
            continue;
        }
        const bool code = at > line && (at[-1] == '`' || (block && at[-1] == ' '));
        const char *after = at + n;
        if (code && (strcmp(word, "quern") == 0 || strcmp(word, "make") == 0) && *after == ' ' && word_at(after + 1, next) &&
            islower((unsigned char)next[0])) {
            foreign = false;
            if (word[0] == 'm') {
                check_target(c, path, number, next);
            } else {
                command = command_index(c, next);
                if (command < 0)
                    complain(c, path, number, "there is no command", next);
            }
        } else if (is_foreign(word)) {
            foreign = true;
        } else if (strncmp(word, "--", 2) == 0 && isalpha((unsigned char)word[2]) && !foreign &&
                   !is_known(c, command, word)) {
            complain(c, path, number, command >= 0 ? c->name[command] : "no command", word);
        }
        at = after;
    }
}

/* [text](target) in docs/: a file beside the page, unless it is on the web or on the page itself. */
static void check_links(commands *c, const char *path, int number, const char *line) {
    const char *slash = strrchr(path, '/');
    for (const char *at = line; (at = strstr(at, "]("));) {
        char target[512], file[1024];
        struct stat st;
        at += 2;
        if (sscanf(at, "%511[^)#]", target) != 1 || strstr(target, "://"))
            continue;
        snprintf(file, sizeof file, "%.*s%s", slash ? (int)(slash - path + 1) : 0, path, target);
        if (slash && stat(file, &st) != 0)
            complain(c, path, number, "links to what is not there:", file);
    }
}

static void check_page(void *arg, const char *path, const char *text) {
    char line[LINE];
    for (int number = 1; tree_line(&text, line, sizeof line); number++) {
        check_line(arg, path, number, line);
        check_links(arg, path, number, line);
    }
}

QN_TEST(structure_docs_speak_of_what_exists) {
    static const char *const endings[] = {".md", NULL};
    commands c;
    learn(&c);
    char *readme = tree_read("README.md");
    check_page(&c, "README.md", readme);
    free(readme);
    assert_true(tree_each("docs", endings, check_page, &c) > 0);
    forget(&c);
    assert_int_equal(c.n_wrong, 0);
}
