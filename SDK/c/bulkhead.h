// Bulkhead's host interface in C: processes, messages, links, monitors, names, sockets, and servers of the gen_server
// kind. One header; works with wasi-libc and freestanding (clang --target=wasm32). SDK/abi.md has the whole story of
// each call.
//
// Every function that returns int32_t returns an errno with WASI's values, 0 on success, unless its comment says
// otherwise. "Suspends" means that the calling process, and only it, may be put aside. Where nothing is said a function
// answers at once. A process starts with fresh memory: globals have their initial values, and what the parent held
// comes as the argument.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { BULKHEAD_OK = 0, BULKHEAD_AGAIN = 6, BULKHEAD_BADF = 8, BULKHEAD_EXIST = 20, BULKHEAD_FAULT = 21,
       BULKHEAD_INVAL = 28, BULKHEAD_IO = 29, BULKHEAD_MFILE = 33, BULKHEAD_MSGSIZE = 35, BULKHEAD_NOENT = 44,
       BULKHEAD_NOMEM = 48, BULKHEAD_NOTSUP = 58, BULKHEAD_SRCH = 71, BULKHEAD_TIMEDOUT = 73, BULKHEAD_NOTCAPABLE = 76 };

/// Times are nanoseconds.
#define BULKHEAD_MILLISECONDS INT64_C(1000000)
#define BULKHEAD_SECONDS INT64_C(1000000000)
#define BULKHEAD_FOREVER INT64_C(-1)

/// The caller itself, where a process is asked for.
#define BULKHEAD_SELF 0u

/// A handle in a message. As sent, `flags` 1 moves it (the sender loses it) and 0 duplicates it.
/// As received, a `value` of 0xffffffff is a descriptor that the receiver's policy does not cover.
struct bulkhead_handle {
    uint16_t kind, flags;
    uint32_t value;
};
enum { BULKHEAD_PROCESS = 0, BULKHEAD_DESCRIPTOR = 1, BULKHEAD_MOVE = 1 };

/// What `receive` tells of a message. `process` is the sender's id, or who ended (EXIT, DOWN).
struct bulkhead_message {
    uint64_t tag, process;
    uint32_t kind, length, handle_count, monitor;
};
enum { BULKHEAD_DATA = 0, BULKHEAD_EXIT = 1, BULKHEAD_DOWN = 2 };

/// The payload of EXIT and DOWN begins with this; text or bytes may follow.
struct bulkhead_reason {
    uint32_t kind, code;
    uint64_t used, allowed;
};
enum { BULKHEAD_NORMAL = 0, BULKHEAD_SHUTDOWN, BULKHEAD_KILL, BULKHEAD_KILLED, BULKHEAD_EXIT_CODE, BULKHEAD_TRAP,
       BULKHEAD_LIMIT, BULKHEAD_NOPROC, BULKHEAD_NOCONNECTION, BULKHEAD_BYTES, BULKHEAD_REFUSED,
       BULKHEAD_HOST_FAILURE, BULKHEAD_SHUTDOWN_WITH };

/// Selects the DOWN of one monitor; a process's EXIT has `UINT64_C(3) << 62 | id`.
#define BULKHEAD_DOWN_TAG(monitor) (UINT64_C(1) << 63 | (monitor))
#define BULKHEAD_EXIT_TAG(id) (UINT64_C(3) << 62 | (id))

struct bulkhead_limit {
    uint32_t limit, zero;
    uint64_t value;
};
enum { BULKHEAD_LIMIT_MEMORY = 0, BULKHEAD_LIMIT_CPU, BULKHEAD_LIMIT_WALL, BULKHEAD_LIMIT_FDS, BULKHEAD_LIMIT_OUTPUT,
       BULKHEAD_LIMIT_MAILBOX_MESSAGES, BULKHEAD_LIMIT_MAILBOX_BYTES, BULKHEAD_LIMIT_PROCESSES, BULKHEAD_LIMIT_TABLES,
       BULKHEAD_LIMIT_STACK, BULKHEAD_LIMIT_CPU_SHARE };

/// How a child is made. Zero-initialise it, then set what differs: `{.flags = BULKHEAD_SPAWN_LINK, .without =
/// BULKHEAD_FS}`.
struct bulkhead_options {
    uint32_t flags, entry;
    const char *module;
    uint32_t module_length;
    const void *argument;
    uint32_t argument_length;
    const struct bulkhead_handle *handles;
    uint32_t handle_count;
    const char *policy;
    uint32_t policy_length, without, limit_count;
    const struct bulkhead_limit *limits;
    uint32_t reserved[5];
};
enum { BULKHEAD_SPAWN_LINK = 1, BULKHEAD_SPAWN_MONITOR = 2, BULKHEAD_SPAWN_HANDLER = 4 };
enum { BULKHEAD_FS = 1, BULKHEAD_NET = 2, BULKHEAD_ENV = 4, BULKHEAD_ARGS = 8, BULKHEAD_CLOCKS = 16,
       BULKHEAD_RANDOM = 32, BULKHEAD_STDIO = 64, BULKHEAD_SPAWN = 128 };

struct bulkhead_child {
    uint32_t process, monitor;
};

#ifdef __wasm__
_Static_assert(sizeof(struct bulkhead_options) == 72 && sizeof(struct bulkhead_message) == 32, "the layouts of abi.md");
_Static_assert(sizeof(struct bulkhead_handle) == 8 && sizeof(struct bulkhead_reason) == 24, "the layouts of abi.md");
#endif

// The imports themselves, for whoever wants them bare. A module imports those that it uses.
#define BULKHEAD_IMPORT(module, name) __attribute__((import_module(module), import_name(#name))) extern int32_t
#define BULKHEAD_HOST(name) BULKHEAD_IMPORT("bulkhead", name) bulkhead_host_##name
#define BULKHEAD_WASI(name) BULKHEAD_IMPORT("wasi_snapshot_preview1", name) bulkhead_wasi_##name
BULKHEAD_HOST(abi_version)(void);
BULKHEAD_HOST(send)(uint32_t process, uint64_t tag, const void *, uint32_t, const struct bulkhead_handle *, uint32_t);
BULKHEAD_HOST(send_wait)(uint32_t process, uint64_t tag, const void *, uint32_t, const struct bulkhead_handle *,
                         uint32_t, int64_t timeout);
BULKHEAD_HOST(receive)(const uint64_t *tags, uint32_t, void *, uint32_t, struct bulkhead_handle *, uint32_t,
                       struct bulkhead_message *);
BULKHEAD_HOST(receive_wait)(const uint64_t *tags, uint32_t, void *, uint32_t, struct bulkhead_handle *, uint32_t,
                            struct bulkhead_message *, int64_t timeout);
BULKHEAD_HOST(link)(uint32_t process);
BULKHEAD_HOST(unlink)(uint32_t process);
BULKHEAD_HOST(monitor)(uint32_t process, uint32_t flags, uint32_t out[2]);
BULKHEAD_HOST(demonitor)(uint32_t monitor, uint32_t flags);
BULKHEAD_HOST(alias)(uint32_t *out);
BULKHEAD_HOST(exit)(uint32_t kind, const void *, uint32_t);
BULKHEAD_HOST(exit_process)(uint32_t process, uint32_t kind, const void *, uint32_t);
BULKHEAD_HOST(trap_exit)(uint32_t on);
BULKHEAD_HOST(spawn)(const struct bulkhead_options *, struct bulkhead_child *);
BULKHEAD_HOST(argument)(void *, uint32_t, struct bulkhead_handle *, uint32_t, struct bulkhead_message *);
BULKHEAD_HOST(process_id)(uint32_t process, uint64_t *out);
BULKHEAD_HOST(alive)(uint32_t process);
BULKHEAD_HOST(handle_close)(uint32_t process);
BULKHEAD_HOST(handle_duplicate)(uint32_t process, uint32_t *out);
BULKHEAD_HOST(register)(const char *, uint32_t, uint32_t process);
BULKHEAD_HOST(unregister)(const char *, uint32_t);
BULKHEAD_HOST(whereis)(const char *, uint32_t, uint32_t *out);
BULKHEAD_HOST(sleep)(int64_t nanoseconds);
BULKHEAD_HOST(start_ack)(uint32_t status, const void *, uint32_t);
BULKHEAD_HOST(tcp_connect)(const char *host, uint32_t, uint32_t port, int32_t *out);
BULKHEAD_HOST(tcp_listen)(const char *host, uint32_t, uint32_t port, uint32_t backlog, int32_t *out);
BULKHEAD_HOST(udp_bind)(const char *host, uint32_t, uint32_t port, int32_t *out);
BULKHEAD_HOST(udp_connect)(const char *host, uint32_t, uint32_t port, int32_t *out);
BULKHEAD_HOST(udp_send)(int32_t fd, const char *host, uint32_t, uint32_t port, const void *, uint32_t);
BULKHEAD_HOST(udp_receive)(int32_t fd, void *, uint32_t, char address[64], uint32_t *out);
BULKHEAD_HOST(unix_connect)(const char *path, uint32_t, int32_t *out);
BULKHEAD_HOST(unix_listen)(const char *path, uint32_t, uint32_t backlog, int32_t *out);
BULKHEAD_HOST(resolve)(const char *name, uint32_t, char *, uint32_t, uint32_t *out);
BULKHEAD_HOST(socket_address)(int32_t fd, uint32_t peer, char *, uint32_t, uint32_t *out);
struct bulkhead_vector {
    const void *bytes;
    uint32_t length;
};
BULKHEAD_WASI(fd_read)(int32_t fd, const struct bulkhead_vector *, uint32_t, uint32_t *out);
BULKHEAD_WASI(fd_write)(int32_t fd, const struct bulkhead_vector *, uint32_t, uint32_t *out);
BULKHEAD_WASI(fd_close)(int32_t fd);
BULKHEAD_WASI(sock_accept)(int32_t fd, uint32_t flags, int32_t *out);

static inline uint32_t bulkhead_length(const char *text) {
    uint32_t length = 0;
    while (text[length] != 0) length++;
    return length;
}

// ---- Messages

#ifdef BULKHEAD_IMPORTS_ONLY
#define BULKHEAD_PASS_OVER() (void)0
#else
// Whether a selective receive may have passed over messages, which the host then does not announce to a handler again.
__attribute__((weak)) bool bulkhead_passed_over;
#define BULKHEAD_PASS_OVER() (void)(bulkhead_passed_over = true)
#endif

/// Sends bytes and handles; when the receiver's mailbox is full, waits for room up to `timeout`.
/// Errors: `srch` the receiver is gone, `timedout`, `msgsize` it could never hold this, `badf` or `inval` a bad handle.
/// Suspends when full.
static inline int32_t bulkhead_send_handles(uint32_t process, uint64_t tag, const void *data, uint32_t length,
                                            const struct bulkhead_handle *handles, uint32_t count, int64_t timeout) {
    int32_t error = bulkhead_host_send(process, tag, data, length, handles, count);
    if (error != BULKHEAD_AGAIN || timeout == 0) return error;
    return bulkhead_host_send_wait(process, tag, data, length, handles, count, timeout);
}

/// Sends bytes, waiting for room without end. Errors as `bulkhead_send_handles`. Suspends when the mailbox is full.
static inline int32_t bulkhead_send(uint32_t process, uint64_t tag, const void *data, uint32_t length) {
    return bulkhead_send_handles(process, tag, data, length, 0, 0, BULKHEAD_FOREVER);
}

/// Receives the first message whose tag is among `tags` (none: any), with up to `handle_capacity` handles.
/// Errors: `timedout`; `msgsize` it does not fit, stays, and `message` tells its size. `timeout` 0 answers at once.
/// Else suspends.
static inline int32_t bulkhead_receive_select(const uint64_t *tags, uint32_t tag_count, void *buffer, uint32_t capacity,
                                              struct bulkhead_handle *handles, uint32_t handle_capacity,
                                              struct bulkhead_message *message, int64_t timeout) {
    if (tag_count > 0) BULKHEAD_PASS_OVER();
    // `receive_wait` tries first, and costs little more than `receive` when there is a message.
    if (timeout != 0)
        return bulkhead_host_receive_wait(
            tags, tag_count, buffer, capacity, handles, handle_capacity, message, timeout);
    int32_t error = bulkhead_host_receive(tags, tag_count, buffer, capacity, handles, handle_capacity, message);
    return error == BULKHEAD_AGAIN ? BULKHEAD_TIMEDOUT : error;
}

/// Receives the next message of any tag, without handles. Errors: `msgsize`. Suspends.
static inline int32_t bulkhead_receive(void *buffer, uint32_t capacity, struct bulkhead_message *message) {
    return bulkhead_receive_select(0, 0, buffer, capacity, 0, 0, message, BULKHEAD_FOREVER);
}

// ---- Processes

/// What a child runs: a function of this module. It takes its argument by `bulkhead_argument`; when it returns, the
/// child ends normally.
typedef void (*bulkhead_entry)(void);

/// Marks, in the entry's number, a child that is a handler. The host hands the number over as it is.
#define BULKHEAD_ENTRY_HANDLER (UINT32_C(1) << 31)

/// Starts a child with options; `child` gets a handle, and a monitor if that was asked for.
/// Errors: `notcapable`, `noent` no such module or policy, `again` too many processes, `nomem`.
static inline int32_t bulkhead_spawn_with(bulkhead_entry entry, struct bulkhead_options *options,
                                          struct bulkhead_child *child) {
    uint32_t kind = options->flags & BULKHEAD_SPAWN_HANDLER ? BULKHEAD_ENTRY_HANDLER : 0;
    options->entry = (uint32_t)(uintptr_t)entry | kind;
    return bulkhead_host_spawn(options, child);
}

/// Starts a child with some bytes as its argument. `process` gets a handle to close or keep; NULL closes it here.
/// Errors as `bulkhead_spawn_with`.
static inline int32_t bulkhead_spawn(bulkhead_entry entry, const void *argument, uint32_t length, uint32_t *process) {
    struct bulkhead_options options = {.argument = argument, .argument_length = length};
    struct bulkhead_child child;
    int32_t error = bulkhead_spawn_with(entry, &options, &child);
    if (error != 0) return error;
    if (process == NULL) return bulkhead_host_handle_close(child.process);
    *process = child.process;
    return 0;
}

/// Starts a child that takes over a descriptor (see `bulkhead_take_descriptor`). On success the caller has neither it
/// nor a handle. Errors as `bulkhead_spawn_with`; the caller then still has the descriptor.
static inline int32_t bulkhead_spawn_descriptor(bulkhead_entry entry, int32_t fd) {
    struct bulkhead_handle handle = {.kind = BULKHEAD_DESCRIPTOR, .flags = BULKHEAD_MOVE, .value = (uint32_t)fd};
    struct bulkhead_options options = {.handles = &handle, .handle_count = 1};
    struct bulkhead_child child;
    int32_t error = bulkhead_spawn_with(entry, &options, &child);
    return error != 0 ? error : bulkhead_host_handle_close(child.process);
}

/// Takes the argument, once. Errors: `again` there is none (any more), `msgsize` it does not fit and stays.
static inline int32_t bulkhead_argument(void *buffer, uint32_t capacity) {
    struct bulkhead_message message;
    return bulkhead_host_argument(buffer, capacity, 0, 0, &message);
}

/// Takes the one handle that the argument consists of: a descriptor. Returns -1 if there is none.
static inline int32_t bulkhead_take_descriptor(void) {
    struct bulkhead_handle handle = {0};
    struct bulkhead_message message;
    if (bulkhead_host_argument(0, 0, &handle, 1, &message) != 0 || message.handle_count != 1) return -1;
    return handle.kind == BULKHEAD_DESCRIPTOR ? (int32_t)handle.value : -1;
}

/// Takes the one handle that the argument consists of: a process. Returns UINT32_MAX if there is none.
static inline uint32_t bulkhead_take_process(void) {
    struct bulkhead_handle handle = {0};
    struct bulkhead_message message;
    if (bulkhead_host_argument(0, 0, &handle, 1, &message) != 0 || message.handle_count != 1) return UINT32_MAX;
    return handle.kind == BULKHEAD_PROCESS ? handle.value : UINT32_MAX;
}

/// The id of a process: for comparisons and logs. 0 for a handle that is not open.
static inline uint64_t bulkhead_id(uint32_t process) {
    uint64_t id = 0;
    return bulkhead_host_process_id(process, &id) == 0 ? id : 0;
}

/// Sleeps. Suspends.
static inline void bulkhead_sleep(int64_t nanoseconds) { (void)bulkhead_host_sleep(nanoseconds); }

/// Monitors a process: its DOWN has the tag `BULKHEAD_DOWN_TAG(*monitor)`, and comes at once (`noproc`) if it is gone.
/// Errors: `badf`, `mfile`.
static inline int32_t bulkhead_monitor(uint32_t process, uint32_t *monitor) {
    uint32_t out[2];
    int32_t error = bulkhead_host_monitor(process, 0, out);
    if (error == 0) *monitor = out[0];
    return error;
}

/// Gives a process a name that others find by `bulkhead_whereis`. Errors: `exist`, `notcapable`, `srch`.
static inline int32_t bulkhead_register(const char *name, uint32_t process) {
    return bulkhead_host_register(name, bulkhead_length(name), process);
}

/// Finds a process by name; the handle is the caller's. Errors: `noent`, `notcapable`.
static inline int32_t bulkhead_whereis(const char *name, uint32_t *process) {
    return bulkhead_host_whereis(name, bulkhead_length(name), process);
}

/// Ends the caller with bytes as its reason; linked processes end with it.
__attribute__((noreturn)) static inline void bulkhead_exit_bytes(const void *reason, uint32_t length) {
    (void)bulkhead_host_exit(BULKHEAD_BYTES, reason, length);
    __builtin_trap();
}

// ---- Network. Descriptors are WASI's: wasi-libc's accept, read, write, send, recv, poll and close work on them, too.

/// Listens on an address of this machine; port 0 is any that the policy covers. Errors: `notcapable`, the socket's.
/// Suspends.
static inline int32_t bulkhead_tcp_listen(const char *host, uint32_t port, int32_t *fd) {
    return bulkhead_host_tcp_listen(host, bulkhead_length(host), port, 4096, fd);
}

/// Connects. Errors: `notcapable`, the socket's. Suspends.
static inline int32_t bulkhead_tcp_connect(const char *host, uint32_t port, int32_t *fd) {
    return bulkhead_host_tcp_connect(host, bulkhead_length(host), port, fd);
}

/// Takes the next connection. Errors: the socket's, `mfile`. Suspends.
static inline int32_t bulkhead_accept(int32_t listener, int32_t *fd) {
    return bulkhead_wasi_sock_accept(listener, 0, fd);
}

/// Reads what is there, at least a byte. Returns the count, 0 at the end, or the errno negated. Suspends.
static inline int32_t bulkhead_read(int32_t fd, void *buffer, uint32_t capacity) {
    struct bulkhead_vector vector = {buffer, capacity};
    uint32_t count = 0;
    int32_t error = bulkhead_wasi_fd_read(fd, &vector, 1, &count);
    return error != 0 ? -error : (int32_t)count;
}

/// Writes all of it. Errors: the descriptor's. Suspends.
static inline int32_t bulkhead_write(int32_t fd, const void *bytes, uint32_t length) {
    struct bulkhead_vector vector = {bytes, length};
    while (vector.length > 0) {
        uint32_t count = 0;
        int32_t error = bulkhead_wasi_fd_write(fd, &vector, 1, &count);
        if (error != 0) return error;
        vector = (struct bulkhead_vector){(const char *)vector.bytes + count, vector.length - count};
    }
    return 0;
}

/// Prints a text to standard output. Errors: the descriptor's. Suspends.
static inline int32_t bulkhead_print(const char *text) { return bulkhead_write(1, text, bulkhead_length(text)); }

/// Closes a descriptor. Errors: `badf`.
static inline int32_t bulkhead_close(int32_t fd) { return bulkhead_wasi_fd_close(fd); }

#ifndef BULKHEAD_IMPORTS_ONLY
#include "bulkhead_server.h"
#endif

#ifdef __cplusplus
}
#endif
