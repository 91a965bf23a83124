/* Paths: the parts of a file's name, and what is there. */
#ifndef QN_BASE_PATH_H
#define QN_BASE_PATH_H

#include <stdbool.h>

/** What follows the last slash; borrowed from `path`. */
const char *qn_path_name(const char *path);
/** The folder that the file is in: "." for a bare name, "/" at the root. free() it; NULL when out of memory. */
char *qn_path_folder(const char *path);
/** True when the text ends with `ending` (".npz"). */
bool qn_path_ends_with(const char *path, const char *ending);
/** True when there is a regular file, or a folder; links are followed. */
bool qn_path_is_file(const char *path);
bool qn_path_is_folder(const char *path);
/** True when `path` lies in `folder`, at any depth; both resolved (realpath). */
bool qn_path_is_inside(const char *folder, const char *path);

#endif
