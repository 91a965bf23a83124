/* What the files of the tune command share. */
#ifndef QN_TOOLS_TUNE_H
#define QN_TOOLS_TUNE_H

#include "tools/cli.h"

/* The recipe that was found: a file, whole or not at all. `about` becomes its description. */
qn_status tune_write_recipe(qn_context *ctx, const char *path, const qn_tune_report *report, const qn_tune_options *options,
                            const char *about);
/* Size against cost as a picture. */
qn_status tune_write_curve(qn_context *ctx, const char *path, const qn_tune_report *report, const char *title);

#endif
