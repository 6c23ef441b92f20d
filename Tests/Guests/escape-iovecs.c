// Buffer lists that lie: too many, beyond memory, lengths whose sum wraps.
#include "guest.h"

int main(void) {
    static uint8_t bytes[16];
    static __wasi_ciovec_t many[2048];
    __wasi_size_t count = 0;
    __wasi_ciovec_t beyond = {.buf = (const uint8_t *)0xfffffff0, .buf_len = 64};
    __wasi_ciovec_t wrapping[2] = {{.buf = bytes, .buf_len = 0xffffffff}, {.buf = bytes, .buf_len = 2}};
    attempt("write-beyond-memory", __wasi_fd_write(1, &beyond, 1, &count));
    attempt("write-wrapping", __wasi_fd_write(1, wrapping, 2, &count));
    attempt("write-list-beyond", __wasi_fd_write(1, (const __wasi_ciovec_t *)0xfffffff0, 4, &count));
    attempt("write-count-wrapping", __wasi_fd_write(1, wrapping, 0x20000001, &count));
    attempt("write-all-bits", __wasi_fd_write(1, wrapping, 0xffffffff, &count));
    attempt("write-result-beyond", __wasi_fd_write(1, wrapping, 0, (__wasi_size_t *)0xfffffffe));
    // Many empty buffers are legal; what matters is that the host takes them or says no.
    for (int i = 0; i < 2048; i++) many[i] = (__wasi_ciovec_t){.buf = bytes, .buf_len = 0};
    __wasi_errno_t error = __wasi_fd_write(1, many, 2048, &count);
    say(error == 0 || error == __WASI_ERRNO_INVAL ? "write-many: ok\n" : "write-many: odd\n");
}
