// What the guests share: printing without stdio, errno names, preopens by name, and the line that tells how an attempt
// ended.
#pragma once

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <wasi/api.h>

// clang lowers a loop over bytes to memcpy and strlen calls, which libc has; nothing here needs more of it.

#define OPEN_FOLLOWING __WASI_LOOKUPFLAGS_SYMLINK_FOLLOW
#define READ_RIGHTS (__WASI_RIGHTS_FD_READ | __WASI_RIGHTS_FD_SEEK | __WASI_RIGHTS_FD_FILESTAT_GET)
#define WRITE_RIGHTS (__WASI_RIGHTS_FD_WRITE | __WASI_RIGHTS_FD_FILESTAT_SET_SIZE | __WASI_RIGHTS_FD_ALLOCATE)

static inline __wasi_errno_t write_all(__wasi_fd_t fd, const void *bytes, size_t length) {
    const uint8_t *rest = bytes;
    while (length > 0) {
        __wasi_ciovec_t piece = {.buf = rest, .buf_len = length};
        __wasi_size_t written = 0;
        __wasi_errno_t error = __wasi_fd_write(fd, &piece, 1, &written);
        if (error == __WASI_ERRNO_AGAIN) continue;
        if (error != 0) return error;
        rest += written;
        length -= written;
    }
    return 0;
}

static inline void say(const char *text) { (void)!write_all(1, text, strlen(text)); }

static inline const char *decimal(uint64_t value) {
    static char buffers[4][24];
    static int turn;
    char *end = buffers[turn++ & 3] + 23;
    *end = 0;
    do {
        *--end = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    return end;
}

static inline const char *errno_name(__wasi_errno_t error) {
    // In the order of their numbers.
    static const char *const names[] = {
        "SUCCESS", "E2BIG", "EACCES", "EADDRINUSE", "EADDRNOTAVAIL", "EAFNOSUPPORT", "EAGAIN", "EALREADY", "EBADF",
        "EBADMSG", "EBUSY", "ECANCELED", "ECHILD", "ECONNABORTED", "ECONNREFUSED", "ECONNRESET", "EDEADLK",
        "EDESTADDRREQ", "EDOM", "EDQUOT", "EEXIST", "EFAULT", "EFBIG", "EHOSTUNREACH", "EIDRM", "EILSEQ",
        "EINPROGRESS", "EINTR", "EINVAL", "EIO", "EISCONN", "EISDIR", "ELOOP", "EMFILE", "EMLINK", "EMSGSIZE",
        "EMULTIHOP", "ENAMETOOLONG", "ENETDOWN", "ENETRESET", "ENETUNREACH", "ENFILE", "ENOBUFS", "ENODEV", "ENOENT",
        "ENOEXEC", "ENOLCK", "ENOLINK", "ENOMEM", "ENOMSG", "ENOPROTOOPT", "ENOSPC", "ENOSYS", "ENOTCONN", "ENOTDIR",
        "ENOTEMPTY", "ENOTRECOVERABLE", "ENOTSOCK", "ENOTSUP", "ENOTTY", "ENXIO", "EOVERFLOW", "EOWNERDEAD", "EPERM",
        "EPIPE", "EPROTO", "EPROTONOSUPPORT", "EPROTOTYPE", "ERANGE", "EROFS", "ESPIPE", "ESRCH", "ESTALE",
        "ETIMEDOUT", "ETXTBSY", "EXDEV", "ENOTCAPABLE",
    };
    return error < sizeof names / sizeof names[0] ? names[error] : decimal(error);
}

// "NAME: ok" or "NAME: ERRNO", for calls that are meant to work.
static inline void outcome(const char *name, __wasi_errno_t error) {
    say(name);
    say(": ");
    say(error == 0 ? "ok" : errno_name(error));
    say("\n");
}

// "NAME: denied ERRNO" or "NAME: ESCAPED", for calls that must not work.
static inline void attempt(const char *name, __wasi_errno_t error) {
    say(name);
    say(error == 0 ? ": ESCAPED\n" : ": denied ");
    if (error != 0) {
        say(errno_name(error));
        say("\n");
    }
}

// The preopened directory of this guest path; ends the guest with 2 if there is none.
static inline __wasi_fd_t preopen(const char *wanted) {
    for (__wasi_fd_t fd = 3; fd < 64; fd++) {
        __wasi_prestat_t found;
        uint8_t name[256] = {0};
        if (__wasi_fd_prestat_get(fd, &found) != 0 || found.tag != __WASI_PREOPENTYPE_DIR) continue;
        if (found.u.dir.pr_name_len >= sizeof name) continue;
        if (__wasi_fd_prestat_dir_name(fd, name, found.u.dir.pr_name_len) != 0) continue;
        if (strcmp((const char *)name, wanted) == 0) return fd;
    }
    say("no preopened ");
    say(wanted);
    say("\n");
    __wasi_proc_exit(2);
}

static inline __wasi_errno_t open_for_reading(__wasi_fd_t directory, const char *path, __wasi_fd_t *fd) {
    return __wasi_path_open(directory, OPEN_FOLLOWING, path, 0, READ_RIGHTS, READ_RIGHTS, 0, fd);
}

// Opens for reading and closes again: was the path reachable?
static inline __wasi_errno_t reach(__wasi_fd_t directory, const char *path) {
    __wasi_fd_t fd = 0;
    __wasi_errno_t error = open_for_reading(directory, path, &fd);
    if (error == 0) (void)!__wasi_fd_close(fd);
    return error;
}

static inline __wasi_errno_t create(__wasi_fd_t directory, const char *path, __wasi_oflags_t flags) {
    __wasi_fd_t fd = 0;
    __wasi_rights_t rights = WRITE_RIGHTS;
    __wasi_errno_t error =
        __wasi_path_open(directory, OPEN_FOLLOWING, path, __WASI_OFLAGS_CREAT | flags, rights, rights, 0, &fd);
    if (error == 0) (void)!__wasi_fd_close(fd);
    return error;
}
