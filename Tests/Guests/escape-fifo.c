// Opens what could block a thread for ever: a FIFO, a socket. Wants, within /data: fifo, a FIFO nobody else has open,
// and sock, a bound unix socket. Opening a FIFO may succeed or fail; the point is that the call ends.
#include "guest.h"

static __wasi_errno_t open_special(__wasi_fd_t data, const char *path, __wasi_rights_t rights, __wasi_fdflags_t flags) {
    __wasi_fd_t fd = 0;
    __wasi_errno_t error = __wasi_path_open(data, OPEN_FOLLOWING, path, 0, rights, 0, flags, &fd);
    if (error == 0) (void)!__wasi_fd_close(fd);
    return error;
}

static void fifo(__wasi_fd_t data, const char *name, __wasi_rights_t rights, __wasi_fdflags_t flags) {
    __wasi_errno_t error = open_special(data, "fifo", rights, flags);
    if (error == 0) outcome(name, error);
    else attempt(name, error);
}

int main(void) {
    __wasi_fd_t data = preopen("/data");
    __wasi_filestat_t status;
    outcome("stat", __wasi_path_filestat_get(data, 0, "fifo", &status));
    fifo(data, "fifo-read", __WASI_RIGHTS_FD_READ, 0);
    fifo(data, "fifo-write", __WASI_RIGHTS_FD_WRITE, 0);
    fifo(data, "fifo-both", __WASI_RIGHTS_FD_READ | __WASI_RIGHTS_FD_WRITE, 0);
    fifo(data, "fifo-nonblocking", __WASI_RIGHTS_FD_READ, __WASI_FDFLAGS_NONBLOCK);
    attempt("socket-read", open_special(data, "sock", __WASI_RIGHTS_FD_READ, 0));
    attempt("socket-write", open_special(data, "sock", __WASI_RIGHTS_FD_WRITE, 0));
}
