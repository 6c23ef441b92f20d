// Tries to move a read-only file to where it may be written, or over it: /ro is read-only, /rw read-write.
// Wants /ro/file.txt.
#include "guest.h"

int main(void) {
    __wasi_fd_t ro = preopen("/ro"), rw = preopen("/rw");
    outcome("create", create(rw, "mine.txt", 0));
    attempt("rename-ro-to-rw", __wasi_path_rename(ro, "file.txt", rw, "stolen.txt"));
    attempt("rename-rw-over-ro", __wasi_path_rename(rw, "mine.txt", ro, "file.txt"));
    attempt("rename-within-ro", __wasi_path_rename(ro, "file.txt", ro, "moved.txt"));
    attempt("unlink-ro", __wasi_path_unlink_file(ro, "file.txt"));
    attempt("mkdir-ro", __wasi_path_create_directory(ro, "made"));
    attempt("symlink-ro", __wasi_path_symlink("file.txt", ro, "link"));
    // The read-only directory itself, reached through a link that the guest makes beside it.
    __wasi_errno_t error = __wasi_path_symlink("../ro", rw, "way-in");
    attempt("through-link", error != 0 ? error : create(rw, "way-in/file.txt", __WASI_OFLAGS_TRUNC));
    outcome("still there", reach(ro, "file.txt"));
}
