// Tries absolute paths, which mean nothing to a process without a root.
#include "guest.h"

int main(void) {
    __wasi_fd_t data = preopen("/data");
    __wasi_filestat_t status;
    outcome("inside", reach(data, "inside.txt"));
    attempt("absolute", reach(data, "/etc/passwd"));
    attempt("absolute-root", reach(data, "/"));
    attempt("absolute-slashes", reach(data, "//etc//passwd"));
    attempt("absolute-guest-path", reach(data, "/data/inside.txt"));
    attempt("absolute-create", create(data, "/tmp/made-by-guest", 0));
    attempt("absolute-mkdir", __wasi_path_create_directory(data, "/tmp/made-by-guest"));
    attempt("absolute-stat", __wasi_path_filestat_get(data, OPEN_FOLLOWING, "/etc/passwd", &status));
    attempt("absolute-rename", __wasi_path_rename(data, "inside.txt", data, "/tmp/taken.txt"));
    attempt("absolute-link", __wasi_path_link(data, 0, "/etc/passwd", data, "linked.txt"));
    attempt("absolute-symlink", __wasi_path_symlink("/etc/passwd", data, "guest-link"));
}
