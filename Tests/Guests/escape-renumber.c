// Moves descriptors over others: the rights must move with the descriptor, and numbers past the limit must not exist.
// /ro is read-only, /rw read-write. Wants /ro/file.txt.
#include "guest.h"

int main(void) {
    __wasi_fd_t ro = preopen("/ro"), rw = preopen("/rw"), fd = 0;
    outcome("write-before", create(rw, "mine.txt", 0));
    attempt("to-huge", __wasi_fd_renumber(rw, 0xffffffff));
    attempt("to-negative", __wasi_fd_renumber(rw, 0x80000000));
    attempt("to-past-limit", __wasi_fd_renumber(rw, 1 << 20));
    attempt("from-closed", __wasi_fd_renumber(1000, rw));
    attempt("to-unopened", __wasi_fd_renumber(rw, 900));
    outcome("open", open_for_reading(ro, "file.txt", &fd));
    // The number of the read-write directory now names the read-only one, or the call was refused.
    __wasi_errno_t error = __wasi_fd_renumber(ro, rw);
    say(error == 0 ? "over-preopen: moved\n" : "over-preopen: refused\n");
    if (error == 0) {
        attempt("write-after", create(rw, "made-by-guest", 0));
        attempt("old-number", reach(ro, "file.txt"));
        outcome("read-after", reach(rw, "file.txt"));
    }
    // A file over standard output, then writing there: the file was opened for reading only.
    error = __wasi_fd_renumber(fd, 0);
    __wasi_size_t written = 0;
    __wasi_ciovec_t piece = {.buf = (const uint8_t *)"x", .buf_len = 1};
    attempt("write-to-moved-file", error != 0 ? error : __wasi_fd_write(0, &piece, 1, &written));
}
