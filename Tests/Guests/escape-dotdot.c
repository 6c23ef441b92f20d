// Tries to leave the directory /data by "..". Wants outside.txt beside that directory and inside.txt and sub/ within.
#include "guest.h"

int main(void) {
    __wasi_fd_t data = preopen("/data");
    outcome("inside", reach(data, "inside.txt"));
    outcome("sub-and-back", reach(data, "sub/../inside.txt"));
    attempt("dotdot", reach(data, ".."));
    attempt("dotdot-file", reach(data, "../outside.txt"));
    attempt("dot-dotdot-file", reach(data, "./../outside.txt"));
    attempt("sub-dotdot-dotdot", reach(data, "sub/../../outside.txt"));
    attempt("dotdot-and-back", reach(data, "../data/inside.txt"));
    attempt("dotdot-slashes", reach(data, "..///outside.txt"));
    attempt("dotdot-create", create(data, "../made-by-guest", 0));
    attempt("dotdot-mkdir", __wasi_path_create_directory(data, "../made-by-guest"));
    attempt("dotdot-unlink", __wasi_path_unlink_file(data, "../outside.txt"));
    attempt("dotdot-rmdir", __wasi_path_remove_directory(data, "../data"));
    attempt("dotdot-rename-out", __wasi_path_rename(data, "inside.txt", data, "../taken.txt"));
    attempt("dotdot-rename-in", __wasi_path_rename(data, "../outside.txt", data, "taken.txt"));
    attempt("dotdot-link-in", __wasi_path_link(data, 0, "../outside.txt", data, "linked.txt"));
    attempt("dotdot-link-out", __wasi_path_link(data, 0, "inside.txt", data, "../linked.txt"));
    attempt("dotdot-symlink", __wasi_path_symlink("inside.txt", data, "../linked.txt"));
    __wasi_filestat_t status;
    attempt("dotdot-stat", __wasi_path_filestat_get(data, 0, "../outside.txt", &status));
    attempt("dotdot-touch",
            __wasi_path_filestat_set_times(data, 0, "../outside.txt", 0, 0, __WASI_FSTFLAGS_MTIM_NOW));
    uint8_t buffer[64];
    __wasi_size_t used = 0;
    attempt("dotdot-readlink", __wasi_path_readlink(data, "../link", buffer, sizeof buffer, &used));
    // Going up from a directory opened within is no different.
    __wasi_fd_t sub = 0;
    __wasi_rights_t rights = __WASI_RIGHTS_PATH_OPEN | __WASI_RIGHTS_FD_READDIR;
    __wasi_errno_t error = __wasi_path_open(data, 0, "sub", __WASI_OFLAGS_DIRECTORY, rights, READ_RIGHTS, 0, &sub);
    outcome("open-sub", error);
    attempt("from-sub-dotdot", reach(sub, "../inside.txt"));
    attempt("from-sub-outside", reach(sub, "../../outside.txt"));
}
