// Opens the same file until that fails; a million open descriptors count as an escape. Wants /data/inside.txt.
#include "guest.h"

int main(void) {
    __wasi_fd_t data = preopen("/data"), fd = 0, first = 0;
    __wasi_errno_t error = 0;
    uint32_t opened = 0;
    for (; opened < 1000000; opened++) {
        error = open_for_reading(data, "inside.txt", &fd);
        if (error != 0) break;
        if (opened == 0) first = fd;
    }
    attempt("fds", error);
    say("opened ");
    say(decimal(opened));
    say("\n");
    // One closed makes room for one.
    if (opened > 0 && __wasi_fd_close(first) == 0) outcome("after-close", open_for_reading(data, "inside.txt", &fd));
}
