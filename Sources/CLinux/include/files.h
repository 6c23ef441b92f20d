// File calls that Glibc's Swift overlay does not import: each answers the call's result, or minus errno.
#ifndef BULKHEAD_CLINUX_FILES_H
#define BULKHEAD_CLINUX_FILES_H

#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <time.h>

/// openat2(2). `mode` is used only where `flags` creates.
int32_t bulkhead_openat2(int32_t directory, const char *path, uint64_t flags, uint64_t mode, uint64_t resolve);
/// getdents64(2).
int64_t bulkhead_getdents64(int32_t directory, void *buffer, size_t size);
/// preadv2(2) and pwritev2(2) with RWF_NOWAIT; at the current position, as an offset of -1 says.
int64_t bulkhead_readv_nowait(int32_t fd, const struct iovec *vectors, int32_t count, int64_t offset);
int64_t bulkhead_writev_nowait(int32_t fd, const struct iovec *vectors, int32_t count);
/// utimensat(2) on the descriptor itself; works on O_PATH descriptors of links and directories.
int32_t bulkhead_set_times(int32_t fd, const struct timespec times[2]);
/// fallocate(2) with mode 0.
int32_t bulkhead_allocate(int32_t fd, int64_t offset, int64_t length);
/// accept4(2) with SOCK_CLOEXEC | SOCK_NONBLOCK, the peer's address dropped.
int32_t bulkhead_accept_connection(int32_t fd);
/// getrandom(2) without flags.
int64_t bulkhead_random(void *buffer, size_t size);
/// fcntl(2) F_GETFL and F_SETFL.
int32_t bulkhead_status_flags(int32_t fd);
int32_t bulkhead_set_status_flags(int32_t fd, int32_t flags);
/// ioctl(2) FIONREAD: bytes that can be read now.
int32_t bulkhead_readable_bytes(int32_t fd);
/// The size of linux_dirent64's head: the name follows.
#define BULKHEAD_DIRENT_NAME_OFFSET 19

extern const uint64_t bulkhead_O_PATH;
extern const uint64_t bulkhead_RESOLVE_BENEATH;
extern const uint64_t bulkhead_RESOLVE_NO_MAGICLINKS;
extern const uint64_t bulkhead_RESOLVE_NO_SYMLINKS;

#endif
