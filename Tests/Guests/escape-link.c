// Tries to gain writing on a read-only file by a second name: /ro is read-only, /rw read-write. Wants /ro/file.txt.
#include "guest.h"

int main(void) {
    __wasi_fd_t ro = preopen("/ro"), rw = preopen("/rw"), fd = 0;
    outcome("read", reach(ro, "file.txt"));
    attempt("link-ro-to-rw", __wasi_path_link(ro, 0, "file.txt", rw, "stolen.txt"));
    attempt("write-stolen", __wasi_path_open(rw, 0, "stolen.txt", 0, __WASI_RIGHTS_FD_WRITE, 0, 0, &fd));
    outcome("create", create(rw, "mine.txt", 0));
    attempt("link-within-ro", __wasi_path_link(ro, 0, "file.txt", ro, "second.txt"));
    attempt("link-rw-to-ro", __wasi_path_link(rw, 0, "mine.txt", ro, "mine.txt"));
    attempt("link-following", __wasi_path_link(ro, OPEN_FOLLOWING, "file.txt", rw, "stolen-too.txt"));
}
