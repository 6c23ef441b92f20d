// Tries to leave /data through symbolic links: some that the host planted, some that the guest makes itself.
// Wants, within /data: inside.txt; planted-inside → inside.txt; planted-absolute → /etc/passwd;
// planted-relative → ../outside.txt; planted-parent → ..; planted-loop → planted-loop.
#include "guest.h"

static __wasi_errno_t through_new_link(__wasi_fd_t data, const char *target, const char *name, const char *path) {
    __wasi_errno_t error = __wasi_path_symlink(target, data, name);
    if (error != 0 && error != __WASI_ERRNO_EXIST) return error;
    return reach(data, path);
}

int main(void) {
    __wasi_fd_t data = preopen("/data");
    __wasi_filestat_t status;
    __wasi_fd_t fd = 0;
    outcome("planted-inside", reach(data, "planted-inside"));
    attempt("planted-absolute", reach(data, "planted-absolute"));
    attempt("planted-relative", reach(data, "planted-relative"));
    attempt("planted-parent", reach(data, "planted-parent"));
    attempt("planted-parent-file", reach(data, "planted-parent/outside.txt"));
    attempt("planted-parent-back", reach(data, "planted-parent/data/inside.txt"));
    attempt("planted-loop", reach(data, "planted-loop"));
    attempt("no-follow", __wasi_path_open(data, 0, "planted-relative", 0, READ_RIGHTS, 0, 0, &fd));
    attempt("stat", __wasi_path_filestat_get(data, OPEN_FOLLOWING, "planted-relative", &status));
    attempt("touch", __wasi_path_filestat_set_times(data, OPEN_FOLLOWING, "planted-relative", 0, 0,
                                                    __WASI_FSTFLAGS_MTIM_NOW));
    attempt("hard-link", __wasi_path_link(data, OPEN_FOLLOWING, "planted-relative", data, "hard"));
    attempt("rename-through", __wasi_path_rename(data, "planted-parent/outside.txt", data, "taken.txt"));
    attempt("unlink-through", __wasi_path_unlink_file(data, "planted-parent/outside.txt"));
    attempt("rmdir-through", __wasi_path_remove_directory(data, "planted-parent/data"));
    attempt("made-absolute", through_new_link(data, "/etc/passwd", "made-absolute", "made-absolute"));
    attempt("made-relative", through_new_link(data, "../outside.txt", "made-relative", "made-relative"));
    attempt("made-parent", through_new_link(data, "..", "made-parent", "made-parent/outside.txt"));
    attempt("made-nested", through_new_link(data, "planted-parent", "made-nested", "made-nested/outside.txt"));
    attempt("made-in-sub", through_new_link(data, "../../outside.txt", "sub/made", "sub/made"));
}
