// Trailing slashes, which make a kernel follow a last link that it otherwise would not, and other odd path bytes.
// Wants, within /data: inside.txt; sub/; planted-parent → ..; planted-relative → ../outside.txt.
#include "guest.h"

#define RAW(name) __attribute__((import_module("wasi_snapshot_preview1"), import_name(name)))

// With the length given, as libc never does: a path may hold any byte.
RAW("path_open") extern int32_t raw_path_open(int32_t, int32_t, const char *, int32_t, int32_t, int64_t, int64_t,
                                              int32_t, __wasi_fd_t *);

static __wasi_errno_t open_bytes(__wasi_fd_t data, const char *path, int32_t length) {
    __wasi_fd_t fd = 0;
    return (__wasi_errno_t)raw_path_open((int32_t)data, OPEN_FOLLOWING, path, length, 0, READ_RIGHTS, 0, 0, &fd);
}

int main(void) {
    static char overlong[70000];
    __wasi_fd_t data = preopen("/data");
    __wasi_filestat_t status;
    outcome("sub-slash", reach(data, "sub/"));
    attempt("parent-slash", reach(data, "planted-parent/"));
    attempt("parent-slash-dot", reach(data, "planted-parent/."));
    attempt("file-slash", reach(data, "inside.txt/"));
    attempt("relative-slash", reach(data, "planted-relative/"));
    // To be told about the link itself gives nothing away.
    __wasi_errno_t error = __wasi_path_filestat_get(data, 0, "planted-parent/", &status);
    if (error == 0 && status.filetype == __WASI_FILETYPE_SYMBOLIC_LINK) error = __WASI_ERRNO_LOOP;
    attempt("stat-parent-slash", error);
    attempt("unlink-slash", __wasi_path_unlink_file(data, "inside.txt/"));
    attempt("rmdir-parent-slash", __wasi_path_remove_directory(data, "planted-parent/"));
    attempt("rename-parent-slash", __wasi_path_rename(data, "planted-parent/", data, "moved"));
    attempt("create-slash", create(data, "new-file/", 0));
    attempt("symlink-slash", __wasi_path_symlink("inside.txt", data, "planted-parent/"));
    attempt("link-slash", __wasi_path_link(data, 0, "inside.txt", data, "new-link/"));
    attempt("empty", open_bytes(data, "", 0));
    attempt("nul-inside", open_bytes(data, "inside.txt\0/../../outside.txt", 29));
    attempt("not-utf8", open_bytes(data, "\xff\xfe", 2));
    memset(overlong, 'a', sizeof overlong);
    attempt("overlong", open_bytes(data, overlong, sizeof overlong));
    attempt("beyond-memory", open_bytes(data, (const char *)0xfffffff0, 64));
}
