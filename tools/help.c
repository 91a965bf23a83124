/* Help, man page and completion, all from the tables. */
#include "tools/cli.h"

#include <string.h>

static const char g_about[] = "convert, compress, run and compare neural network models";

void cli_help(FILE *f) {
    int n;
    const qn_command *const *commands = qn_commands(&n);
    fprintf(f, "quern %s: %s\n\nusage: quern COMMAND [OPTION...] OPERAND...\n\ncommands\n", qn_version(), g_about);
    for (int i = 0; i < n; i++)
        fprintf(f, "  %-9s %s\n", commands[i]->name, commands[i]->summary);
    fputs("\nquern COMMAND --help shows its options and examples.\n"
          "quern --version, quern --man (the manual page), quern --completion bash|zsh|fish.\n\n"
          "exit codes: 0 done, 1 a comparison broke its bound, 2 usage, 3 malformed input,\n"
          "            4 unsupported (the message names it), 5 system, 130 interrupted\n",
          f);
}

static void help_options(FILE *f, const qn_option *options) {
    for (; options->name; options++) {
        char left[64];
        int at = options->letter ? snprintf(left, sizeof left, "-%c, ", options->letter)
                                 : snprintf(left, sizeof left, "    ");
        snprintf(left + at, sizeof left - (size_t)at, options->arg ? "--%s %s" : "--%s", options->name, options->arg);
        const char *line = options->help;
        for (int first = 1; line; first = 0) {
            const char *end = strchr(line, '\n');
            int n = end ? (int)(end - line) : (int)strlen(line);
            fprintf(f, "  %-28s %.*s\n", first ? left : "", n, line);
            line = end ? end + 1 : NULL;
        }
    }
}

void cli_help_command(FILE *f, const qn_command *c) {
    fprintf(f, "quern %s: %s\n\nusage: quern %s [OPTION...] %s\n\n%s\n\noptions\n", c->name, c->summary, c->name,
            c->operands, c->about);
    help_options(f, c->options);
    fputs("\ncommon options\n", f);
    help_options(f, qn_common_options);
    if (c->examples && c->examples->line)
        fputs("\nexamples\n", f);
    for (const qn_example *e = c->examples; e && e->line; e++)
        fprintf(f, "  # %s\n  %s\n", e->what, e->line);
}

/* ---- man page ------------------------------------------------------------------------------------ */

/* Text for roff: backslashes, leading dots and hyphens. */
static void roff(FILE *f, const char *s) {
    bool line_start = true;
    for (; *s; s++) {
        if (line_start && (*s == '.' || *s == '\''))
            fputs("\\&", f);
        if (*s == '\\')
            fputs("\\e", f);
        else if (*s == '-')
            fputs("\\-", f);
        else
            fputc(*s, f);
        line_start = *s == '\n';
    }
}

static void man_options(FILE *f, const qn_option *options) {
    for (; options->name; options++) {
        fputs(".TP\n.B ", f);
        if (options->letter)
            fprintf(f, "\\-%c\\fR, \\fB", options->letter);
        fputs("\\-\\-", f);
        roff(f, options->name);
        if (options->arg)
            fprintf(f, " \\fI%s\\fR", options->arg);
        fputc('\n', f);
        roff(f, options->help);
        fputc('\n', f);
    }
}

static void man_command(FILE *f, const qn_command *c) {
    fprintf(f, ".SS quern %s \\fR[OPTION...] %s\n", c->name, c->operands);
    roff(f, c->about);
    fputc('\n', f);
    man_options(f, c->options);
    for (const qn_example *e = c->examples; e && e->line; e++) {
        fputs(".PP\n", f);
        roff(f, e->what);
        fputs(":\n.PP\n.nf\n    ", f);
        roff(f, e->line);
        fputs("\n.fi\n", f);
    }
}

void cli_man(FILE *f) {
    int n;
    const qn_command *const *commands = qn_commands(&n);
    fprintf(f, ".TH QUERN 1 \"\" \"quern %s\" \"User Commands\"\n.SH NAME\nquern \\- %s\n", qn_version(), g_about);
    fputs(".SH SYNOPSIS\n.B quern\nCOMMAND [OPTION...] OPERAND...\n.SH COMMANDS\n", f);
    for (int i = 0; i < n; i++)
        man_command(f, commands[i]);
    fputs(".SH COMMON OPTIONS\n", f);
    man_options(f, qn_common_options);
    fputs(".SH EXIT STATUS\n0 done; 1 a comparison broke its bound; 2 usage; 3 malformed input; 4 well\\-formed but "
          "unsupported input, named in the message; 5 system (memory, disk, permission); 130 interrupted.\n"
          ".SH ENVIRONMENT\n.TP\n.B QUERN_ISA\nthe highest instruction set to use: scalar, avx2, avx512, avx512vnni, "
          "avx512bf16 or neon.\n",
          f);
}

/* ---- completion ------------------------------------------------------------------------------------ */

static void words(FILE *f, const qn_option *options, const char *before) {
    for (; options->name; options++)
        fprintf(f, "%s--%s", before, options->name);
}

static void complete_bash(FILE *f, const qn_command *const *commands, int n) {
    fputs("# bash completion for quern\n_quern() {\n    local cur=${COMP_WORDS[COMP_CWORD]}\n"
          "    if [ \"$COMP_CWORD\" -eq 1 ]; then\n        COMPREPLY=($(compgen -W \"",
          f);
    for (int i = 0; i < n; i++)
        fprintf(f, "%s ", commands[i]->name);
    fputs("--help --version --man --completion\" -- \"$cur\"))\n        return\n    fi\n    local opts=\n"
          "    case ${COMP_WORDS[1]} in\n",
          f);
    for (int i = 0; i < n; i++) {
        fprintf(f, "    %s) opts=\"", commands[i]->name);
        words(f, commands[i]->options, " ");
        words(f, qn_common_options, " ");
        fputs("\" ;;\n", f);
    }
    fputs("    esac\n    if [[ $cur == -* ]]; then\n        COMPREPLY=($(compgen -W \"$opts\" -- \"$cur\"))\n    else\n"
          "        COMPREPLY=($(compgen -f -- \"$cur\"))\n    fi\n}\ncomplete -o filenames -F _quern quern\n",
          f);
}

static void zsh_text(FILE *f, const char *s) {
    for (; *s && *s != '\n'; s++) {
        if (*s == '\'')
            fputs("'\\''", f);
        else if (*s == '[' || *s == ']' || *s == ':')
            fprintf(f, "\\%c", *s);
        else
            fputc(*s, f);
    }
}

static void zsh_options(FILE *f, const qn_option *options) {
    for (; options->name; options++) {
        fprintf(f, " \\\n            '%s--%s%s[", options->repeat ? "*" : "", options->name, options->arg ? "=" : "");
        zsh_text(f, options->help);
        fputs("]", f);
        if (options->arg)
            fprintf(f, ":%s:_files", options->arg);
        fputs("'", f);
    }
}

static void complete_zsh(FILE *f, const qn_command *const *commands, int n) {
    fputs("#compdef quern\n_quern() {\n    if (( CURRENT == 2 )); then\n        local -a commands=(", f);
    for (int i = 0; i < n; i++) {
        fprintf(f, " '%s:", commands[i]->name);
        zsh_text(f, commands[i]->summary);
        fputs("'", f);
    }
    fputs(" )\n        _describe command commands\n        return\n    fi\n    case ${words[2]} in\n", f);
    for (int i = 0; i < n; i++) {
        fprintf(f, "    %s)\n        shift words; (( CURRENT-- ))\n        _arguments", commands[i]->name);
        zsh_options(f, commands[i]->options);
        zsh_options(f, qn_common_options);
        fputs(" \\\n            '*:file:_files' ;;\n", f);
    }
    fputs("    esac\n}\n_quern \"$@\"\n", f);
}

static void fish_options(FILE *f, const char *command, const qn_option *options) {
    for (; options->name; options++) {
        fprintf(f, "complete -c quern -n '__fish_seen_subcommand_from %s' -l %s", command, options->name);
        if (options->letter)
            fprintf(f, " -s %c", options->letter);
        if (options->arg)
            fputs(" -r", f);
        fputs(" -d '", f);
        for (const char *s = options->help; *s && *s != '\n'; s++)
            if (*s == '\'')
                fputs("\\'", f);
            else
                fputc(*s, f);
        fputs("'\n", f);
    }
}

static void complete_fish(FILE *f, const qn_command *const *commands, int n) {
    fputs("# fish completion for quern\n", f);
    for (int i = 0; i < n; i++) {
        fprintf(f, "complete -c quern -n __fish_use_subcommand -a %s -d '%s'\n", commands[i]->name,
                commands[i]->summary);
        fish_options(f, commands[i]->name, commands[i]->options);
        fish_options(f, commands[i]->name, qn_common_options);
    }
}

int cli_completion(FILE *f, const char *shell) {
    static const struct {
        const char *name;
        void (*print)(FILE *, const qn_command *const *, int);
    } shells[] = {{"bash", complete_bash}, {"zsh", complete_zsh}, {"fish", complete_fish}};
    int n;
    const qn_command *const *commands = qn_commands(&n);
    for (size_t i = 0; shell && i < sizeof shells / sizeof shells[0]; i++)
        if (strcmp(shells[i].name, shell) == 0) {
            shells[i].print(f, commands, n);
            return QN_OK;
        }
    return cli_usage("--completion takes bash, zsh or fish");
}
