// tcp-connect HOST PORT: connects through the broker, sends "ping\n" and prints what comes back.
#include "guest.h"

__attribute__((import_module("bulkhead"), import_name("tcp_connect"))) extern int32_t tcp_connect(
    const char *host, int32_t host_length, int32_t port, __wasi_fd_t *fd);

int main(int count, char **arguments) {
    static uint8_t bytes[1024];
    if (count < 3) return 2;
    __wasi_fd_t fd = 0;
    __wasi_errno_t error =
        (__wasi_errno_t)tcp_connect(arguments[1], (int32_t)strlen(arguments[1]), atoi(arguments[2]), &fd);
    if (error != 0) {
        say("tcp-connect: denied ");
        say(errno_name(error));
        say("\n");
        return 1;
    }
    say("tcp-connect: connected\n");
    __wasi_ciovec_t ping = {.buf = (const uint8_t *)"ping\n", .buf_len = 5};
    __wasi_size_t moved = 0;
    __wasi_roflags_t flags = 0;
    error = __wasi_sock_send(fd, &ping, 1, 0, &moved);
    if (error == 0) error = __wasi_sock_shutdown(fd, __WASI_SDFLAGS_WR);
    while (error == 0) {
        __wasi_iovec_t piece = {.buf = bytes, .buf_len = sizeof bytes};
        error = __wasi_sock_recv(fd, &piece, 1, 0, &moved, &flags);
        if (error != 0 || moved == 0) break;
        (void)!write_all(1, bytes, moved);
    }
    if (error != 0) outcome("exchange", error);
    return error == 0 ? 0 : 1;
}
