// Prints one line to standard output and one to standard error, and tells the file type of each standard descriptor.
#include "guest.h"

int main(void) {
    say("to stdout\n");
    (void)!write_all(2, "to stderr\n", 10);
    for (__wasi_fd_t fd = 0; fd < 3; fd++) {
        __wasi_fdstat_t status;
        __wasi_errno_t error = __wasi_fd_fdstat_get(fd, &status);
        say(decimal(fd));
        say(error == 0 ? ": type " : ": ");
        say(error == 0 ? decimal(status.fs_filetype) : errno_name(error));
        say("\n");
    }
}
