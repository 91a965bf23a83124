/* quern: picks the command. */
#include "tools/cli.h"

#include <string.h>

static const qn_command *find_command(const char *name) {
    int n;
    const qn_command *const *commands = qn_commands(&n);
    for (int i = 0; i < n; i++)
        if (strcmp(commands[i]->name, name) == 0)
            return commands[i];
    return NULL;
}

/* What stands in the place of a command: --help, --version, --man, --completion. */
static int without_command(int argc, char **argv) {
    const char *word = argv[1];
    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0 || strcmp(word, "help") == 0) {
        const qn_command *command = argc > 2 ? find_command(argv[2]) : NULL;
        if (argc > 2 && !command)
            return cli_usage("no command '%s'", argv[2]);
        if (command)
            cli_help_command(stdout, command);
        else
            cli_help(stdout);
        return QN_OK;
    }
    if (strcmp(word, "--version") == 0) {
        printf("quern %s\n", qn_version());
        return QN_OK;
    }
    if (strcmp(word, "--man") == 0) {
        cli_man(stdout);
        return QN_OK;
    }
    if (strcmp(word, "--completion") == 0)
        return cli_completion(stdout, argc > 2 ? argv[2] : NULL);
    return cli_usage("no command '%s' (quern --help lists them)", word);
}

int main(int argc, char **argv) {
    if (argc < 2) {
        cli_help(stderr);
        return QN_USAGE;
    }
    const qn_command *command = find_command(argv[1]);
    int code;
    if (!command) {
        code = without_command(argc, argv);
    } else {
        cli_args *args = cli_parse(command, argc - 2, argv + 2);
        if (!args)
            return QN_USAGE;
        if (cli_flag(args, "help")) {
            cli_help_command(stdout, command);
            code = QN_OK;
        } else {
            code = command->run(args);
        }
        cli_free(args);
    }
    if ((fflush(stdout) != 0 || ferror(stdout)) && code == QN_OK) {
        fputs("quern: cannot write to standard output\n", stderr);
        code = QN_SYSTEM;
    }
    return code;
}
