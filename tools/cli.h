/* The command line: one table a command gives parser, help, man page and completion. */
#ifndef QN_TOOLS_CLI_H
#define QN_TOOLS_CLI_H

#include <jansson.h>
#include <stdio.h>

#include "quern.h"

typedef struct qn_option {
    const char *name;    /* long name, without dashes */
    char letter;         /* or 0 */
    const char *arg;     /* what it takes ("FILE"), or NULL for a flag */
    bool repeat;         /* may be given more than once */
    const char *help;    /* one line or more */
} qn_option;

typedef struct qn_example {
    const char *what, *line;
} qn_example;

typedef struct cli_args cli_args;

typedef struct qn_command {
    const char *name, *operands, *summary;
    const char *about;              /* paragraphs for help and man page */
    const qn_option *options;       /* ends with a row whose name is NULL */
    const qn_example *examples;     /* ends with a row whose line is NULL */
    int min_operands, max_operands; /* max -1: any */
    int (*run)(const cli_args *args);
} qn_command;

/* commands.def expands to these */
#define QN_COMMAND(NAME) extern const qn_command qn_cmd_##NAME;
#include "tools/commands.def"
#undef QN_COMMAND

extern const qn_option qn_common_options[];
const qn_command *const *qn_commands(int *n);

/* ---- what was given --------------------------------------------------------------------------- */

/* Parse argv after the command's name. NULL after a message on stderr. */
cli_args *cli_parse(const qn_command *command, int argc, char **argv);
void cli_free(cli_args *args);
int cli_n_operands(const cli_args *args);
const char *cli_operand(const cli_args *args, int index);
bool cli_flag(const cli_args *args, const char *name);
int cli_count(const cli_args *args, const char *name);
/* The last value given, or `otherwise`. */
const char *cli_string(const cli_args *args, const char *name, const char *otherwise);
/* All values given, in order. */
const char *const *cli_list(const cli_args *args, const char *name, int *n);
/* A whole number in [min, max]; a message and false otherwise. *out is left alone when the option was not given. */
bool cli_int(const cli_args *args, const char *name, long min, long max, long *out);
bool cli_double(const cli_args *args, const char *name, double *out);
const qn_command *cli_command(const cli_args *args);

/* ---- a run of a command ------------------------------------------------------------------------ */

/* A context with --threads, log (-v, -q), progress and cancel wired up; NULL after a message. */
qn_context *cli_context(const cli_args *args);
/* "quern COMMAND: message" on stderr; returns the exit code. */
int cli_fail(const qn_context *ctx, qn_status status);
QN_PRINTF(1, 2) int cli_usage(const char *fmt, ...);
/* Print and free; returns 0, or 5 when stdout cannot be written. */
int cli_print_json(json_t *value);
/* A number, or null when JSON has none for it (infinite, NaN). */
json_t *cli_json_real(double v);
json_t *cli_json_shape(const qn_tensor *t);
json_t *cli_json_ports(const qn_model *model, bool outputs);
/* "1.34 GB" (powers of 1000) into text[32]. */
const char *cli_bytes_text(double n, char text[32]);
double cli_now(void);
/* End the progress line, if one is drawn. */
void cli_progress_end(void);

/* ---- help (help.c) ------------------------------------------------------------------------------- */

void cli_help(FILE *f);
void cli_help_command(FILE *f, const qn_command *command);
void cli_man(FILE *f);
int cli_completion(FILE *f, const char *shell);

/* ---- inputs (inputs.c) ------------------------------------------------------------------------------ */

/* One tensor for each model input, from --input, --image, --golden's arrays or --random and --dim. `arrays` keeps what
 * they point into. */
typedef struct cli_inputs {
    qn_tensor *tensors;
    int n;
    qn_arrays **arrays;
    int n_arrays;
    qn_picture **pictures;    /* of --image, in order */
    int n_pictures;
    qn_tensor photo;          /* made of them; its data is ours */
} cli_inputs;
qn_status cli_inputs_load(qn_context *ctx, const cli_args *args, qn_model *model, const qn_arrays *golden,
                          cli_inputs *out);
void cli_inputs_free(cli_inputs *inputs);

/* ---- depth maps (save.c) ------------------------------------------------------------------------------ */

/* True when --save, --save-as and --save-output make sense together; else a message. */
bool cli_save_check(const cli_args *args);
/* True when the model has the output that --save-output names, if it names one; else a message. */
bool cli_save_check_output(const cli_args *args, const qn_model *model);
/* Write what --save asks for, when it is given: each map at the size of its photo. Rows {"name", "file", "map"} go to
 * `rows`; lines to stdout without --json. */
qn_status cli_save(qn_context *ctx, const cli_args *args, const qn_model *model, const cli_inputs *inputs,
                   const qn_tensor *outputs, json_t *rows);

#endif
