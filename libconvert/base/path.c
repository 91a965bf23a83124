#include "base/path.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

const char *qn_path_name(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

char *qn_path_folder(const char *path) {
    const char *slash = strrchr(path, '/');
    if (!slash)
        return strdup(".");
    return strndup(path, slash == path ? 1 : (size_t)(slash - path));
}

bool qn_path_ends_with(const char *path, const char *ending) {
    const size_t n = strlen(path), m = strlen(ending);
    return n >= m && strcmp(path + n - m, ending) == 0;
}

bool qn_path_is_file(const char *path) {
    struct stat st;
    return stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

bool qn_path_is_folder(const char *path) {
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

bool qn_path_is_inside(const char *folder, const char *path) {
    const size_t n = strlen(folder);
    if (n == 1 && folder[0] == '/')
        return true;
    return strncmp(folder, path, n) == 0 && path[n] == '/';
}
