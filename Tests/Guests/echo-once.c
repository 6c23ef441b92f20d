// Accepts one connection on the listener that its argument numbers (3 without one), echoes until its end and
// tells how much.
#include "guest.h"

int main(int count, char **arguments) {
    static uint8_t bytes[4096];
    __wasi_fd_t listener = count > 1 ? (__wasi_fd_t)atoi(arguments[1]) : 3, connection = 0;
    __wasi_errno_t error = __wasi_sock_accept(listener, 0, &connection);
    if (error != 0) {
        attempt("accept", error);
        return 1;
    }
    uint64_t total = 0;
    for (;;) {
        __wasi_iovec_t piece = {.buf = bytes, .buf_len = sizeof bytes};
        __wasi_size_t read = 0;
        __wasi_roflags_t flags = 0;
        error = __wasi_sock_recv(connection, &piece, 1, 0, &read, &flags);
        if (error != 0 || read == 0) break;
        error = write_all(connection, bytes, read);
        if (error != 0) break;
        total += read;
    }
    if (error != 0) outcome("echo", error);
    say("echoed ");
    say(decimal(total));
    say("\n");
    return error == 0 ? 0 : 1;
}
