// Prints the file that its first argument names, a path within the preopened directory of its second (/data without
// one).
#include "guest.h"

int main(int count, char **arguments) {
    static uint8_t bytes[4096];
    if (count < 2) return 2;
    __wasi_fd_t fd = 0;
    __wasi_errno_t error = open_for_reading(preopen(count > 2 ? arguments[2] : "/data"), arguments[1], &fd);
    if (error != 0) {
        attempt("read-file", error);
        return 1;
    }
    for (;;) {
        __wasi_iovec_t piece = {.buf = bytes, .buf_len = sizeof bytes};
        __wasi_size_t read = 0;
        if (__wasi_fd_read(fd, &piece, 1, &read) != 0) return 1;
        if (read == 0) return 0;
        if (write_all(1, bytes, read) != 0) return 1;
    }
}
