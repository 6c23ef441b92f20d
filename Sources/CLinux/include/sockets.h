// Messages that carry descriptors, addresses as plain bytes, and calls whose C form Swift cannot import.
#ifndef BULKHEAD_SOCKETS_H
#define BULKHEAD_SOCKETS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/// As many descriptors as one message may carry (SCM_MAX_FD).
enum { BULKHEAD_MAX_DESCRIPTORS = 253 };

/// sendmsg(2) with MSG_NOSIGNAL. Bytes sent, or minus an errno.
ssize_t bulkhead_send_message(
    int socket, const void *bytes, size_t count, const int *descriptors, size_t descriptor_count, int no_wait);

/// recvmsg(2) with MSG_CMSG_CLOEXEC. Bytes received (0: the other end has closed), or minus an errno. When there are
/// more than `capacity` descriptors, or the kernel could not pass all, every one is closed and the result is
/// -EMSGSIZE.
ssize_t bulkhead_receive_message(
    int socket, void *bytes, size_t count, int *descriptors, size_t capacity, size_t *descriptor_count,
    int *is_truncated, int no_wait);

/// Families of the functions below.
enum { BULKHEAD_IPV4 = 4, BULKHEAD_IPV6 = 6, BULKHEAD_UNIX = 1 };

/// `bytes` is an address of 4 or 16 bytes in network order, or a path without NUL. All return 0 or an errno.
int bulkhead_connect(int socket, int family, const uint8_t *bytes, size_t count, uint16_t port, uint32_t scope);
int bulkhead_bind(int socket, int family, const uint8_t *bytes, size_t count, uint16_t port, uint32_t scope);
/// getsockname(2) or getpeername(2). `bytes` has room for 108; `*family` is 0 for a family not listed above.
int bulkhead_socket_name(
    int socket, int peer, int *family, uint8_t *bytes, size_t *count, uint16_t *port, uint32_t *scope);
/// recvfrom(2) with MSG_DONTWAIT: bytes received, or minus an errno; the sender as bulkhead_socket_name tells it.
ssize_t bulkhead_receive_from(
    int socket, void *data, size_t size, int *family, uint8_t *bytes, size_t *count, uint16_t *port, uint32_t *scope);
/// A close-on-exec, non-blocking stream socket, or minus an errno.
int bulkhead_stream_socket(int family);
/// The same for datagrams.
int bulkhead_datagram_socket(int family);
/// sendto(2) with MSG_DONTWAIT and MSG_NOSIGNAL, to an address as above. Bytes sent, or minus an errno.
ssize_t bulkhead_send_to(
    int socket, int family, const uint8_t *address, size_t count, uint16_t port, uint32_t scope, const void *bytes,
    size_t length);
/// accept4(2), non-blocking and close-on-exec; the descriptor, or minus an errno.
int bulkhead_accept_stream(int listener);
int bulkhead_set_option(int socket, int level, int option, int value);
/// SO_ERROR: what became of a connection under way; 0 or an errno.
int bulkhead_pending_error(int socket);

/// getaddrinfo(3) for stream sockets. `out` has room for `capacity` entries of 24 bytes: family, 3 unused,
/// 16 bytes of address, scope (host order). Entries written, or minus an EAI_* code's absolute value.
int bulkhead_resolve(const char *host, uint8_t *out, int capacity);
const char *bulkhead_resolve_error(int code);

/// Columns of a terminal, or 0.
int bulkhead_terminal_width(int descriptor);
/// open(2), with O_CLOEXEC added; the descriptor, or minus an errno.
int bulkhead_open(const char *path, int flags, unsigned mode);
/// open(2) with O_PATH and O_CLOEXEC; the descriptor, or minus an errno.
int bulkhead_open_path(const char *path);
/// pipe2(2), close-on-exec; 0 or an errno.
int bulkhead_pipe(int ends[2], int non_blocking);
/// socketpair(2), SOCK_SEQPACKET, close-on-exec; 0 or an errno.
int bulkhead_socket_pair(int ends[2], int non_blocking);
/// fcntl(2) F_SETFL over O_NONBLOCK; 0 or an errno.
int bulkhead_set_non_blocking(int descriptor, int on);
/// F_DUPFD_CLOEXEC; the descriptor, or minus an errno.
int bulkhead_duplicate(int descriptor, int at_least);
/// memfd_create(2), close-on-exec; the descriptor, or minus an errno.
int bulkhead_memfd(const char *name, int allow_sealing);
/// F_ADD_SEALS: shrink, grow, write and further seals; 0 or an errno.
int bulkhead_seal(int descriptor);

#endif
