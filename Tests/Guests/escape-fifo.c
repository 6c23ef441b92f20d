// Opens what could block a thread for ever: a FIFO, a socket. Wants, within /data: fifo, a FIFO nobody else has open,
// and sock, a bound unix socket. Prints how each ends; the point is that it ends.
#include "guest.h"

static void one(__wasi_fd_t data, const char *name, const char *path, __wasi_rights_t rights, __wasi_fdflags_t flags) {
    __wasi_fd_t fd = 0;
    __wasi_errno_t error = __wasi_path_open(data, OPEN_FOLLOWING, path, 0, rights, 0, flags, &fd);
    attempt(name, error);
    if (error == 0) (void)!__wasi_fd_close(fd);
}

int main(void) {
    __wasi_fd_t data = preopen("/data");
    __wasi_filestat_t status;
    outcome("stat", __wasi_path_filestat_get(data, 0, "fifo", &status));
    one(data, "fifo-read", "fifo", __WASI_RIGHTS_FD_READ, 0);
    one(data, "fifo-write", "fifo", __WASI_RIGHTS_FD_WRITE, 0);
    one(data, "fifo-both", "fifo", __WASI_RIGHTS_FD_READ | __WASI_RIGHTS_FD_WRITE, 0);
    one(data, "fifo-nonblocking", "fifo", __WASI_RIGHTS_FD_READ, __WASI_FDFLAGS_NONBLOCK);
    one(data, "socket-read", "sock", __WASI_RIGHTS_FD_READ, 0);
    one(data, "socket-write", "sock", __WASI_RIGHTS_FD_WRITE, 0);
}
