// See sockets.h.
#define _GNU_SOURCE
#include "sockets.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

union control {
    struct cmsghdr header;
    char bytes[CMSG_SPACE(BULKHEAD_MAX_DESCRIPTORS * sizeof(int))];
};

ssize_t bulkhead_send_message(
    int socket, const void *bytes, size_t count, const int *descriptors, size_t descriptor_count, int no_wait) {
    if (descriptor_count > BULKHEAD_MAX_DESCRIPTORS) return -E2BIG;
    struct iovec vector = {.iov_base = (void *)bytes, .iov_len = count};
    struct msghdr message = {.msg_iov = &vector, .msg_iovlen = 1};
    union control control;
    if (descriptor_count > 0) {
        message.msg_control = control.bytes;
        message.msg_controllen = CMSG_SPACE(descriptor_count * sizeof(int));
        memset(control.bytes, 0, message.msg_controllen);
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(descriptor_count * sizeof(int));
        memcpy(CMSG_DATA(header), descriptors, descriptor_count * sizeof(int));
    }
    for (;;) {
        ssize_t sent = sendmsg(socket, &message, MSG_NOSIGNAL | (no_wait ? MSG_DONTWAIT : 0));
        if (sent >= 0) return sent;
        if (errno != EINTR) return -errno;
    }
}

ssize_t bulkhead_receive_message(
    int socket, void *bytes, size_t count, int *descriptors, size_t capacity, size_t *descriptor_count,
    int *is_truncated, int no_wait) {
    *descriptor_count = 0;
    *is_truncated = 0;
    struct iovec vector = {.iov_base = bytes, .iov_len = count};
    union control control;
    struct msghdr message;
    ssize_t received;
    do {
        message = (struct msghdr){
            .msg_iov = &vector, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof control};
        received = recvmsg(socket, &message, MSG_CMSG_CLOEXEC | (no_wait ? MSG_DONTWAIT : 0));
    } while (received < 0 && errno == EINTR);
    if (received < 0) return -errno;
    int rejected = (message.msg_flags & MSG_CTRUNC) != 0;
    for (struct cmsghdr *header = CMSG_FIRSTHDR(&message); header != NULL; header = CMSG_NXTHDR(&message, header)) {
        if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
        size_t arrived = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < arrived; i++) {
            int descriptor;
            memcpy(&descriptor, CMSG_DATA(header) + i * sizeof(int), sizeof descriptor);
            if (*descriptor_count < capacity) {
                descriptors[(*descriptor_count)++] = descriptor;
            } else {
                close(descriptor);
                rejected = 1;
            }
        }
    }
    if (rejected) {
        for (size_t i = 0; i < *descriptor_count; i++) close(descriptors[i]);
        *descriptor_count = 0;
        return -EMSGSIZE;
    }
    *is_truncated = (message.msg_flags & MSG_TRUNC) != 0;
    return received;
}

union address {
    struct sockaddr any;
    struct sockaddr_in ipv4;
    struct sockaddr_in6 ipv6;
    struct sockaddr_un local;
};

static socklen_t fill(
    union address *address, int family, const uint8_t *bytes, size_t count, uint16_t port, uint32_t scope) {
    memset(address, 0, sizeof *address);
    switch (family) {
    case BULKHEAD_IPV4:
        if (count != 4) return 0;
        address->ipv4.sin_family = AF_INET;
        address->ipv4.sin_port = htons(port);
        memcpy(&address->ipv4.sin_addr, bytes, 4);
        return sizeof address->ipv4;
    case BULKHEAD_IPV6:
        if (count != 16) return 0;
        address->ipv6.sin6_family = AF_INET6;
        address->ipv6.sin6_port = htons(port);
        address->ipv6.sin6_scope_id = scope;
        memcpy(&address->ipv6.sin6_addr, bytes, 16);
        return sizeof address->ipv6;
    case BULKHEAD_UNIX:
        // A path that starts with NUL would be an abstract name; one that fills the field has no terminator.
        if (count == 0 || count >= sizeof address->local.sun_path || memchr(bytes, 0, count) != NULL) return 0;
        address->local.sun_family = AF_UNIX;
        memcpy(address->local.sun_path, bytes, count);
        return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + count + 1);
    default:
        return 0;
    }
}

int bulkhead_connect(int socket, int family, const uint8_t *bytes, size_t count, uint16_t port, uint32_t scope) {
    union address address;
    socklen_t length = fill(&address, family, bytes, count, port, scope);
    if (length == 0) return EINVAL;
    if (connect(socket, &address.any, length) == 0) return 0;
    // An interrupted connect goes on in the background, as a non-blocking one does (connect(2)).
    return errno == EINTR ? EINPROGRESS : errno;
}

int bulkhead_bind(int socket, int family, const uint8_t *bytes, size_t count, uint16_t port, uint32_t scope) {
    union address address;
    socklen_t length = fill(&address, family, bytes, count, port, scope);
    if (length == 0) return EINVAL;
    return bind(socket, &address.any, length) == 0 ? 0 : errno;
}

// What the kernel wrote as an address, in parts.
static int read_address(
    const union address *address, socklen_t length, int *family, uint8_t *bytes, size_t *count, uint16_t *port,
    uint32_t *scope) {
    *family = 0;
    *count = 0;
    *port = 0;
    *scope = 0;
    switch (address->any.sa_family) {
    case AF_INET:
        *family = BULKHEAD_IPV4;
        *count = 4;
        *port = ntohs(address->ipv4.sin_port);
        memcpy(bytes, &address->ipv4.sin_addr, 4);
        break;
    case AF_INET6:
        *family = BULKHEAD_IPV6;
        *count = 16;
        *port = ntohs(address->ipv6.sin6_port);
        *scope = address->ipv6.sin6_scope_id;
        memcpy(bytes, &address->ipv6.sin6_addr, 16);
        break;
    case AF_UNIX: {
        *family = BULKHEAD_UNIX;
        size_t room = length > offsetof(struct sockaddr_un, sun_path)
            ? length - offsetof(struct sockaddr_un, sun_path) : 0;
        if (room > sizeof address->local.sun_path) room = sizeof address->local.sun_path;
        *count = strnlen(address->local.sun_path, room);
        memcpy(bytes, address->local.sun_path, *count);
        break;
    }
    default:
        break;
    }
    return 0;
}

int bulkhead_socket_name(
    int socket, int peer, int *family, uint8_t *bytes, size_t *count, uint16_t *port, uint32_t *scope) {
    union address address;
    socklen_t length = sizeof address;
    memset(&address, 0, sizeof address);
    int result = peer ? getpeername(socket, &address.any, &length) : getsockname(socket, &address.any, &length);
    if (result != 0) return errno;
    return read_address(&address, length, family, bytes, count, port, scope);
}

ssize_t bulkhead_receive_from(
    int socket, void *data, size_t size, int *family, uint8_t *bytes, size_t *count, uint16_t *port, uint32_t *scope) {
    union address address;
    socklen_t length = sizeof address;
    memset(&address, 0, sizeof address);
    ssize_t received;
    do {
        received = recvfrom(socket, data, size, MSG_DONTWAIT, &address.any, &length);
    } while (received < 0 && errno == EINTR);
    if (received < 0) return -errno;
    read_address(&address, length, family, bytes, count, port, scope);
    return received;
}

static int make_socket(int family, int type) {
    int domain = family == BULKHEAD_IPV4 ? AF_INET : family == BULKHEAD_IPV6 ? AF_INET6 : AF_UNIX;
    int descriptor = socket(domain, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    return descriptor < 0 ? -errno : descriptor;
}

int bulkhead_stream_socket(int family) { return make_socket(family, SOCK_STREAM); }

int bulkhead_datagram_socket(int family) { return make_socket(family, SOCK_DGRAM); }

ssize_t bulkhead_send_to(
    int socket, int family, const uint8_t *address, size_t count, uint16_t port, uint32_t scope, const void *bytes,
    size_t length) {
    union address target;
    socklen_t size = fill(&target, family, address, count, port, scope);
    if (size == 0) return -EINVAL;
    for (;;) {
        ssize_t sent = sendto(socket, bytes, length, MSG_DONTWAIT | MSG_NOSIGNAL, &target.any, size);
        if (sent >= 0) return sent;
        if (errno != EINTR) return -errno;
    }
}

int bulkhead_accept_stream(int listener) {
    for (;;) {
        int descriptor = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (descriptor >= 0) return descriptor;
        if (errno != EINTR) return -errno;
    }
}

int bulkhead_set_option(int socket, int level, int option, int value) {
    return setsockopt(socket, level, option, &value, sizeof value) == 0 ? 0 : errno;
}

int bulkhead_pending_error(int socket) {
    int error = 0;
    socklen_t length = sizeof error;
    if (getsockopt(socket, SOL_SOCKET, SO_ERROR, &error, &length) != 0) return errno;
    return error;
}

int bulkhead_resolve(const char *host, uint8_t *out, int capacity) {
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG};
    struct addrinfo *list = NULL;
    int code = getaddrinfo(host, NULL, &hints, &list);
    if (code != 0) return code < 0 ? code : -code;
    int written = 0;
    for (struct addrinfo *entry = list; entry != NULL && written < capacity; entry = entry->ai_next) {
        uint8_t *slot = out + (size_t)written * 24;
        memset(slot, 0, 24);
        if (entry->ai_family == AF_INET) {
            slot[0] = BULKHEAD_IPV4;
            memcpy(slot + 4, &((struct sockaddr_in *)entry->ai_addr)->sin_addr, 4);
        } else if (entry->ai_family == AF_INET6) {
            struct sockaddr_in6 *address = (struct sockaddr_in6 *)entry->ai_addr;
            slot[0] = BULKHEAD_IPV6;
            memcpy(slot + 4, &address->sin6_addr, 16);
            memcpy(slot + 20, &address->sin6_scope_id, 4);
        } else {
            continue;
        }
        written++;
    }
    freeaddrinfo(list);
    return written;
}

const char *bulkhead_resolve_error(int code) { return gai_strerror(code); }

int bulkhead_terminal_width(int descriptor) {
    struct winsize size;
    memset(&size, 0, sizeof size);
    return ioctl(descriptor, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

int bulkhead_open(const char *path, int flags, unsigned mode) {
    for (;;) {
        int descriptor = open(path, flags | O_CLOEXEC, (mode_t)mode);
        if (descriptor >= 0) return descriptor;
        if (errno != EINTR) return -errno;
    }
}

int bulkhead_open_path(const char *path) { return bulkhead_open(path, O_PATH, 0); }

int bulkhead_pipe(int ends[2], int non_blocking) {
    return pipe2(ends, O_CLOEXEC | (non_blocking ? O_NONBLOCK : 0)) == 0 ? 0 : errno;
}

int bulkhead_socket_pair(int ends[2], int non_blocking) {
    int type = SOCK_SEQPACKET | SOCK_CLOEXEC | (non_blocking ? SOCK_NONBLOCK : 0);
    return socketpair(AF_UNIX, type, 0, ends) == 0 ? 0 : errno;
}

int bulkhead_set_non_blocking(int descriptor, int on) {
    int flags = fcntl(descriptor, F_GETFL);
    if (flags < 0) return errno;
    int wanted = on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK;
    if (wanted == flags) return 0;
    return fcntl(descriptor, F_SETFL, wanted) == 0 ? 0 : errno;
}

int bulkhead_duplicate(int descriptor, int at_least) {
    int copy = fcntl(descriptor, F_DUPFD_CLOEXEC, at_least);
    return copy < 0 ? -errno : copy;
}

int bulkhead_memfd(const char *name, int allow_sealing) {
    int descriptor = memfd_create(name, MFD_CLOEXEC | (allow_sealing ? MFD_ALLOW_SEALING : 0));
    return descriptor < 0 ? -errno : descriptor;
}

int bulkhead_seal(int descriptor) {
    int seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL;
    return fcntl(descriptor, F_ADD_SEALS, seals) == 0 ? 0 : errno;
}
