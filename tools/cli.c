/* Parsing: long options with = or a space, letters, operands, "--". */
#include "tools/cli.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

const qn_option qn_common_options[] = {
    {"threads", 't', "N", false, "worker threads (all processors)"},
    {"json", 0, NULL, false, "print the result as JSON"},
    {"verbose", 'v', NULL, true, "say more; twice: each rewrite"},
    {"quiet", 'q', NULL, false, "no progress and no warnings"},
    {"help", 'h', NULL, false, "show this help"},
    {NULL, 0, NULL, false, NULL},
};

static const qn_command *const g_commands[] = {
#define QN_COMMAND(NAME) &qn_cmd_##NAME,
#include "tools/commands.def"
#undef QN_COMMAND
};

const qn_command *const *qn_commands(int *n) {
    *n = (int)(sizeof g_commands / sizeof g_commands[0]);
    return g_commands;
}

typedef struct given {
    const qn_option *option;
    const char *value;
} given;

struct cli_args {
    const qn_command *command;
    given *given;
    int n_given;
    const char **operands;
    int n_operands;
    const char **list; /* what cli_list hands out */
};

int cli_usage(const char *fmt, ...) {
    va_list args;
    va_start(args, fmt);
    fputs("quern: ", stderr);
    vfprintf(stderr, fmt, args);
    fputc('\n', stderr);
    va_end(args);
    return QN_USAGE;
}

static const qn_option *find_in(const qn_option *options, const char *name, size_t n, char letter) {
    for (; options->name; options++)
        if (letter ? options->letter == letter : strlen(options->name) == n && memcmp(options->name, name, n) == 0)
            return options;
    return NULL;
}

static const qn_option *find_option(const qn_command *command, const char *name, size_t n, char letter) {
    const qn_option *o = find_in(command->options, name, n, letter);
    return o ? o : find_in(qn_common_options, name, n, letter);
}

static bool record(cli_args *a, const qn_option *option, const char *value) {
    if (!option->repeat)
        for (int i = 0; i < a->n_given; i++)
            if (a->given[i].option == option) {
                cli_usage("%s: --%s is given twice", a->command->name, option->name);
                return false;
            }
    a->given[a->n_given++] = (given){option, value};
    return true;
}

/* Parse one word that begins with '-'. *next is the word after it, taken when the option needs it. */
static bool parse_option(cli_args *a, const char *word, char **next, int *taken) {
    const qn_option *option;
    const char *value = NULL;
    *taken = 0;
    if (word[1] == '-') {
        const char *name = word + 2, *eq = strchr(name, '=');
        size_t n = eq ? (size_t)(eq - name) : strlen(name);
        option = find_option(a->command, name, n, 0);
        value = eq ? eq + 1 : NULL;
        if (option && !option->arg && value) {
            cli_usage("%s: --%s takes no value", a->command->name, option->name);
            return false;
        }
    } else {
        option = find_option(a->command, NULL, 0, word[1]);
        if (option && !option->arg) { /* -vv */
            for (const char *more = word + 2; *more; more++) {
                const qn_option *o = find_option(a->command, NULL, 0, *more);
                if (!o || o->arg) {
                    cli_usage("%s: unknown option '%s'", a->command->name, word);
                    return false;
                }
                if (!record(a, o, NULL))
                    return false;
            }
        } else if (option && word[2]) {
            value = word + 2;
        }
    }
    if (!option) {
        cli_usage("%s: unknown option '%s' (quern %s --help lists them)", a->command->name, word, a->command->name);
        return false;
    }
    if (option->arg && !value) {
        if (!*next) {
            cli_usage("%s: --%s needs %s", a->command->name, option->name, option->arg);
            return false;
        }
        value = *next;
        *taken = 1;
    }
    return record(a, option, value);
}

cli_args *cli_parse(const qn_command *command, int argc, char **argv) {
    cli_args *a = calloc(1, sizeof *a);
    size_t room = 0;
    for (int i = 0; i < argc; i++)
        room += strlen(argv[i]) + 1; /* -vvv is three */
    if (a) {
        a->given = calloc(room + 1, sizeof *a->given);
        a->operands = calloc((size_t)argc + 1, sizeof *a->operands);
        a->list = calloc(room + 1, sizeof *a->list);
        a->command = command;
    }
    if (!a || !a->given || !a->operands || !a->list) {
        fputs("quern: out of memory\n", stderr);
        cli_free(a);
        return NULL;
    }
    bool only_operands = false;
    for (int i = 0; i < argc; i++) {
        int taken = 0;
        if (!only_operands && strcmp(argv[i], "--") == 0) {
            only_operands = true;
        } else if (!only_operands && argv[i][0] == '-' && argv[i][1]) {
            char *none = NULL;
            if (!parse_option(a, argv[i], i + 1 < argc ? &argv[i + 1] : &none, &taken)) {
                cli_free(a);
                return NULL;
            }
        } else {
            a->operands[a->n_operands++] = argv[i];
        }
        i += taken;
    }
    if (cli_flag(a, "help"))
        return a;
    if (a->n_operands < command->min_operands ||
        (command->max_operands >= 0 && a->n_operands > command->max_operands)) {
        cli_usage("%s: %s operands; usage: quern %s %s", command->name,
                  a->n_operands < command->min_operands ? "too few" : "too many", command->name, command->operands);
        cli_free(a);
        return NULL;
    }
    return a;
}

void cli_free(cli_args *a) {
    if (!a)
        return;
    free(a->given);
    free(a->operands);
    free(a->list);
    free(a);
}

const qn_command *cli_command(const cli_args *a) { return a->command; }
int cli_n_operands(const cli_args *a) { return a->n_operands; }
const char *cli_operand(const cli_args *a, int index) { return a->operands[index]; }

int cli_count(const cli_args *a, const char *name) {
    int n = 0;
    for (int i = 0; i < a->n_given; i++)
        n += strcmp(a->given[i].option->name, name) == 0;
    return n;
}

bool cli_flag(const cli_args *a, const char *name) { return cli_count(a, name) > 0; }

const char *cli_string(const cli_args *a, const char *name, const char *otherwise) {
    for (int i = a->n_given - 1; i >= 0; i--)
        if (strcmp(a->given[i].option->name, name) == 0)
            return a->given[i].value;
    return otherwise;
}

const char *const *cli_list(const cli_args *a, const char *name, int *n) {
    /* Each option's values lie together in the list: options are laid out in the order of their first value. */
    int begin = 0, count = 0;
    const char **list = a->list;
    for (int i = 0; i < a->n_given; i++) {
        const qn_option *option = a->given[i].option;
        bool first = true;
        for (int k = 0; k < i; k++)
            first = first && a->given[k].option != option;
        if (!first)
            continue;
        int at = begin;
        for (int k = i; k < a->n_given; k++)
            if (a->given[k].option == option)
                list[at++] = a->given[k].value;
        if (strcmp(option->name, name) == 0) {
            count = at - begin;
            *n = count;
            return list + begin;
        }
        begin = at;
    }
    *n = 0;
    return list;
}

bool cli_int(const cli_args *a, const char *name, long min, long max, long *out) {
    const char *text = cli_string(a, name, NULL);
    if (!text)
        return true;
    char *end;
    errno = 0;
    long v = strtol(text, &end, 10);
    if (errno || end == text || *end || v < min || v > max) {
        cli_usage("%s: --%s takes a whole number from %ld to %ld, not '%s'", a->command->name, name, min, max, text);
        return false;
    }
    *out = v;
    return true;
}

bool cli_double(const cli_args *a, const char *name, double *out) {
    const char *text = cli_string(a, name, NULL);
    if (!text)
        return true;
    char *end;
    errno = 0;
    double v = strtod(text, &end);
    if (errno || end == text || *end || v != v) {
        cli_usage("%s: --%s takes a number, not '%s'", a->command->name, name, text);
        return false;
    }
    *out = v;
    return true;
}
