// Makes a file of 1 TiB in /data, which has a size quota, by each call that can.
#include "guest.h"

int main(void) {
    const uint64_t tebibyte = 1ull << 40;
    __wasi_fd_t data = preopen("/data"), fd = 0;
    __wasi_rights_t rights = WRITE_RIGHTS | __WASI_RIGHTS_FD_SEEK | __WASI_RIGHTS_FD_TELL;
    outcome("create", __wasi_path_open(data, 0, "sparse", __WASI_OFLAGS_CREAT, rights, 0, 0, &fd));
    __wasi_size_t written = 0;
    __wasi_filesize_t at = 0;
    __wasi_ciovec_t piece = {.buf = (const uint8_t *)"x", .buf_len = 1};
    attempt("sparse-set-size", __wasi_fd_filestat_set_size(fd, tebibyte));
    attempt("sparse-allocate", __wasi_fd_allocate(fd, 0, tebibyte));
    attempt("sparse-allocate-wrapping", __wasi_fd_allocate(fd, ~0ull, ~0ull));
    attempt("sparse-pwrite", __wasi_fd_pwrite(fd, &piece, 1, tebibyte - 1, &written));
    __wasi_errno_t error = __wasi_fd_seek(fd, (__wasi_filedelta_t)tebibyte, __WASI_WHENCE_SET, &at);
    attempt("sparse-seek-write", error != 0 ? error : __wasi_fd_write(fd, &piece, 1, &written));
    __wasi_filestat_t status = {0};
    if (__wasi_path_filestat_get(data, 0, "sparse", &status) == 0) {
        say("size ");
        say(decimal(status.size));
        say("\n");
    }
}
