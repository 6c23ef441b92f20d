// Creates or replaces the file that its first argument names beneath /data, with its second argument in it.
#include "guest.h"

int main(int count, char **arguments) {
    if (count < 3) return 2;
    __wasi_fd_t fd = 0;
    __wasi_errno_t error =
        __wasi_path_open(preopen("/data"), OPEN_FOLLOWING, arguments[1], __WASI_OFLAGS_CREAT | __WASI_OFLAGS_TRUNC,
                         WRITE_RIGHTS, WRITE_RIGHTS, 0, &fd);
    if (error == 0) error = write_all(fd, arguments[2], strlen(arguments[2]));
    if (error == 0) error = __wasi_fd_close(fd);
    outcome("write-file", error);
    return error == 0 ? 0 : 1;
}
