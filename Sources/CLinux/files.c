// The calls of files.h. Raw system calls where glibc 2.36 has no wrapper.
#define _GNU_SOURCE
#include "files.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

const uint64_t bulkhead_O_PATH = O_PATH;
const uint64_t bulkhead_RESOLVE_BENEATH = RESOLVE_BENEATH;
const uint64_t bulkhead_RESOLVE_NO_MAGICLINKS = RESOLVE_NO_MAGICLINKS;
const uint64_t bulkhead_RESOLVE_NO_SYMLINKS = RESOLVE_NO_SYMLINKS;

int32_t bulkhead_openat2(int32_t directory, const char *path, uint64_t flags, uint64_t mode, uint64_t resolve) {
    struct open_how how = {.flags = flags, .mode = (flags & O_CREAT) ? mode : 0, .resolve = resolve};
    long result = syscall(SYS_openat2, directory, path, &how, sizeof how);
    return result < 0 ? -errno : (int32_t)result;
}

int64_t bulkhead_getdents64(int32_t directory, void *buffer, size_t size) {
    long result = syscall(SYS_getdents64, directory, buffer, size);
    return result < 0 ? -errno : result;
}

int64_t bulkhead_readv_nowait(int32_t fd, const struct iovec *vectors, int32_t count, int64_t offset) {
    ssize_t result = preadv2(fd, vectors, count, offset, RWF_NOWAIT);
    return result < 0 ? -errno : result;
}

int64_t bulkhead_writev_nowait(int32_t fd, const struct iovec *vectors, int32_t count) {
    ssize_t result = pwritev2(fd, vectors, count, -1, RWF_NOWAIT);
    return result < 0 ? -errno : result;
}

int32_t bulkhead_set_times(int32_t fd, const struct timespec times[2]) {
    return utimensat(fd, "", times, AT_EMPTY_PATH) < 0 ? -errno : 0;
}

int32_t bulkhead_allocate(int32_t fd, int64_t offset, int64_t length) {
    return fallocate(fd, 0, offset, length) < 0 ? -errno : 0;
}

int32_t bulkhead_accept_connection(int32_t fd) {
    int result = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    return result < 0 ? -errno : result;
}

int64_t bulkhead_random(void *buffer, size_t size) {
    ssize_t result = getrandom(buffer, size, 0);
    return result < 0 ? -errno : result;
}

int32_t bulkhead_status_flags(int32_t fd) {
    int result = fcntl(fd, F_GETFL);
    return result < 0 ? -errno : result;
}

int32_t bulkhead_set_status_flags(int32_t fd, int32_t flags) {
    return fcntl(fd, F_SETFL, flags) < 0 ? -errno : 0;
}

int32_t bulkhead_readable_bytes(int32_t fd) {
    int count = 0;
    return ioctl(fd, FIONREAD, &count) < 0 ? -errno : count;
}
