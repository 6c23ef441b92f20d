// The host's /proc, granted read-only as /proc: its magic links lead past every mount.
#include "guest.h"

int main(void) {
    __wasi_fd_t proc = preopen("/proc");
    outcome("plain file", reach(proc, "version"));
    attempt("self-root", reach(proc, "self/root"));
    attempt("self-root-passwd", reach(proc, "self/root/etc/passwd"));
    attempt("self-cwd", reach(proc, "self/cwd"));
    attempt("self-exe", reach(proc, "self/exe"));
    attempt("self-fd", reach(proc, "self/fd/3"));
    attempt("thread-self-root", reach(proc, "thread-self/root/etc/passwd"));
    attempt("init-root", reach(proc, "1/root/etc/passwd"));
    attempt("namespace", reach(proc, "self/ns/net"));
    __wasi_fd_t fd = 0;
    attempt("write-sysctl", __wasi_path_open(proc, OPEN_FOLLOWING, "sys/kernel/hostname", 0, WRITE_RIGHTS, 0, 0, &fd));
}
