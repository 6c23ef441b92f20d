// Tries to change a file in a read-only directory /ro by every call that can. Wants /ro/file.txt.
#include "guest.h"

int main(void) {
    __wasi_fd_t ro = preopen("/ro"), fd = 0;
    __wasi_rights_t all = ~0ull;
    attempt("open-truncate", __wasi_path_open(ro, 0, "file.txt", __WASI_OFLAGS_TRUNC, READ_RIGHTS, 0, 0, &fd));
    attempt("open-write", __wasi_path_open(ro, 0, "file.txt", 0, __WASI_RIGHTS_FD_WRITE, 0, 0, &fd));
    attempt("open-append",
            __wasi_path_open(ro, 0, "file.txt", 0, __WASI_RIGHTS_FD_WRITE, 0, __WASI_FDFLAGS_APPEND, &fd));
    attempt("open-create", create(ro, "new.txt", 0));
    attempt("touch-path", __wasi_path_filestat_set_times(ro, 0, "file.txt", 0, 0, __WASI_FSTFLAGS_MTIM_NOW));
    outcome("open-read", open_for_reading(ro, "file.txt", &fd));
    __wasi_size_t written = 0;
    __wasi_ciovec_t piece = {.buf = (const uint8_t *)"x", .buf_len = 1};
    attempt("write", __wasi_fd_write(fd, &piece, 1, &written));
    attempt("pwrite", __wasi_fd_pwrite(fd, &piece, 1, 0, &written));
    attempt("set-size", __wasi_fd_filestat_set_size(fd, 0));
    attempt("allocate", __wasi_fd_allocate(fd, 0, 4096));
    attempt("touch", __wasi_fd_filestat_set_times(fd, 0, 0, __WASI_FSTFLAGS_MTIM_NOW));
    attempt("widen-rights", __wasi_fd_fdstat_set_rights(fd, all, all));
    attempt("write-again", __wasi_fd_write(fd, &piece, 1, &written));
    attempt("widen-directory", __wasi_fd_fdstat_set_rights(ro, all, all));
    attempt("open-write-again", __wasi_path_open(ro, 0, "file.txt", 0, __WASI_RIGHTS_FD_WRITE, 0, 0, &fd));
}
