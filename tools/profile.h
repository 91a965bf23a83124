/* Profiles: time by node against what the machine can do at most. */
#ifndef QN_TOOLS_PROFILE_H
#define QN_TOOLS_PROFILE_H

#include "tools/cli.h"

/* {"threads", "peaks": [{"arithmetic", "flops_per_s", "isa", "native"}], "memories": [{"name", "fits_bytes",
 * "bytes_per_s"}]} */
json_t *profile_roofline(const qn_roofline *roofline);
/* One object for each node that ran, figures of one of `runs` runs: "node", "op", "kernel", "ms", "flops", "bytes",
 * "arithmetic", "gflops_per_s", "gbytes_per_s", "bound" ("compute" or "memory"), "bound_ms", "percent_of_bound". */
json_t *profile_rows(const qn_runner *runner, int runs, const qn_roofline *roofline);
/* The slowest nodes, sums by op and kernel, and the machine. */
void profile_print(const json_t *rows, const json_t *roofline);

#endif
