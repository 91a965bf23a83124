/* The command line from outside: each tests/cli/NAME.sh runs in a folder of its own that holds model.onnx (the demo's
 * model, 64 wide, one layer), bernoulli.onnx (an operator that is not read) and broken.onnx (a truncated model). Its first
 * line says the exit code that it must end with ("# exit: N"); NAME.out and NAME.err hold what it must print, nothing when
 * there is no such file. $QUERN is the command. With QUERN_CLI_RECORD set in the environment, what was printed is written
 * there instead: look at the difference before committing it. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/read/onnx_build.h"
#include "tests/test.h"

enum { MAX_SCRIPTS = 256, ROOM = 4096 };

static char *read_text(const char *path) {
    FILE *f = fopen(path, "rb");
    if (!f)
        return strdup("");
    qn_buf text = QN_BUF_INIT;
    char piece[4096];
    size_t n;
    while ((n = fread(piece, 1, sizeof piece, f)) > 0)
        qn_buf_append(&text, piece, n);
    fclose(f);
    return text.data ? text.data : strdup("");
}

static void write_bytes(const char *path, const void *data, size_t n) {
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(data, 1, n, f), n);
    assert_int_equal(fclose(f), 0);
}

/* The absolute path of what the Makefile built, from an environment variable or its default. */
static void built(const char *variable, const char *otherwise, const char *below, char out[ROOM]) {
    char path[ROOM];
    const char *given = getenv(variable);
    snprintf(path, sizeof path, "%s%s", given ? given : otherwise, below);
    char *absolute = realpath(path, NULL);
    if (!absolute)
        fail_msg("%s is not built", path);
    snprintf(out, ROOM, "%s", absolute);
    free(absolute);
}

static void make_fixtures(const char *folder) {
    char maker[ROOM], command[3 * ROOM], path[2 * ROOM];
    built("QUERN_BUILD", "build/release", "/demo/make_model", maker);
    snprintf(command, sizeof command, "'%s' '%s/model.onnx' 64 1", maker, folder);
    assert_int_equal(system(command), 0);
    qn_buf unknown = ob_model_of_node(17, "x[2,3]", ob_node("Bernoulli", "x", "y"), "y");
    snprintf(path, sizeof path, "%s/bernoulli.onnx", folder);
    write_bytes(path, unknown.data, unknown.n);
    snprintf(path, sizeof path, "%s/broken.onnx", folder);
    write_bytes(path, unknown.data, unknown.n - 7);
    qn_buf_free(&unknown);
}

static bool same_text(const char *script, const char *what, const char *expected_path, const char *got_path) {
    char *expected = read_text(expected_path), *got = read_text(got_path);
    const bool same = strcmp(expected, got) == 0;
    if (!same)
        print_message("%s: %s differs\n--- expected\n%s--- got\n%s---\n", script, what, expected, got);
    free(expected);
    free(got);
    return same;
}

static void record(const char *expected_path, const char *got_path) {
    char *got = read_text(got_path);
    if (got[0])
        write_bytes(expected_path, got, strlen(got));
    else
        unlink(expected_path);
    free(got);
}

static int wanted_exit(const char *script_path) {
    char *text = read_text(script_path);
    int code = -1;
    if (sscanf(text, "# exit: %d", &code) != 1)
        code = -1;
    free(text);
    return code;
}

/* True when the script printed and returned what it must. */
static bool run_script(const char *name, const char *quern, const char *fixtures, const char *tmp) {
    char here[ROOM], script[2 * ROOM], command[8 * ROOM], expected[2 * ROOM], got[2 * ROOM];
    assert_non_null(getcwd(here, sizeof here));
    snprintf(script, sizeof script, "%s/tests/cli/%s.sh", here, name);
    const int wanted = wanted_exit(script);
    if (wanted < 0) {
        print_message("%s: the first line is not '# exit: N'\n", name);
        return false;
    }
    snprintf(command, sizeof command,
             "mkdir '%s/%s' && cd '%s/%s' && cp '%s'/*.onnx . && QUERN='%s' sh '%s' >../%s.out 2>../%s.err", tmp, name, tmp,
             name, fixtures, quern, script, name, name);
    const int state = system(command);
    bool good = WIFEXITED(state) && WEXITSTATUS(state) == wanted;
    if (!good)
        print_message("%s: exit %d, wanted %d\n", name, WIFEXITED(state) ? WEXITSTATUS(state) : -1, wanted);
    static const char *const streams[] = {"out", "err"};
    for (int i = 0; i < 2; i++) {
        snprintf(expected, sizeof expected, "tests/cli/%s.%s", name, streams[i]);
        snprintf(got, sizeof got, "%s/%s.%s", tmp, name, streams[i]);
        if (getenv("QUERN_CLI_RECORD"))
            record(expected, got);
        good = same_text(name, streams[i], expected, got) && good;
    }
    return good;
}

static int is_script(const struct dirent *entry) {
    const size_t n = strlen(entry->d_name);
    return n > 3 && strcmp(entry->d_name + n - 3, ".sh") == 0;
}

QN_TEST(tools_cli_scripts) {
    char quern[ROOM], tmp[ROOM];
    struct dirent **list;
    int n_bad = 0;
    built("QUERN", "build/release/quern", "", quern);
    char *absolute = realpath(qn_test_tmp(), NULL);
    assert_non_null(absolute);
    snprintf(tmp, sizeof tmp, "%s/cli", absolute);
    free(absolute);
    assert_int_equal(mkdir(tmp, 0777), 0);
    make_fixtures(tmp);
    const int n = scandir("tests/cli", &list, is_script, alphasort);
    assert_true(n > 0);
    for (int i = 0; i < n; i++) {
        list[i]->d_name[strlen(list[i]->d_name) - 3] = 0;
        n_bad += !run_script(list[i]->d_name, quern, tmp, tmp);
        free(list[i]);
    }
    free(list);
    assert_int_equal(n_bad, 0);
}
