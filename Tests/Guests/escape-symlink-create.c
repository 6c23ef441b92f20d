// Tries to make things outside /data through links: open with O_CREAT and O_TRUNC on links that lead out.
// Wants, within /data: dangling → ../made-by-guest; planted-relative → ../outside.txt; planted-parent → ...
#include "guest.h"

int main(void) {
    __wasi_fd_t data = preopen("/data");
    attempt("create-dangling", create(data, "dangling", 0));
    attempt("create-exclusive", create(data, "dangling", __WASI_OFLAGS_EXCL));
    attempt("truncate-through", create(data, "planted-relative", __WASI_OFLAGS_TRUNC));
    attempt("create-in-parent", create(data, "planted-parent/made-by-guest", 0));
    attempt("mkdir-in-parent", __wasi_path_create_directory(data, "planted-parent/made-by-guest"));
    attempt("mkdir-dangling", __wasi_path_create_directory(data, "dangling"));
    attempt("rename-to-parent", __wasi_path_rename(data, "inside.txt", data, "planted-parent/made-by-guest"));
    attempt("link-to-parent", __wasi_path_link(data, 0, "inside.txt", data, "planted-parent/made-by-guest"));
    attempt("symlink-in-parent", __wasi_path_symlink("inside.txt", data, "planted-parent/made-by-guest"));
    // A link swapped in after the guest made a directory of that name.
    __wasi_errno_t error = __wasi_path_create_directory(data, "swap");
    if (error == 0) error = __wasi_path_remove_directory(data, "swap");
    if (error == 0) error = __wasi_path_symlink("..", data, "swap");
    attempt("swap", error != 0 ? error : create(data, "swap/made-by-guest", 0));
}
