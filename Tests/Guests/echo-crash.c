// PORT: a TCP echo server with a process for each connection. A connection that says something beginning with `c` gets a wild
// pointer followed in its process; one that says `m` gets a memory that grows until there is no more.
#include <bulkhead.h>
#include "guest.h"

static uint8_t buffer[4096];

static void serve(void) {
    int32_t fd = bulkhead_take_descriptor();
    for (;;) {
        int32_t length = bulkhead_read(fd, buffer, sizeof buffer);
        if (length <= 0) return;
        if (buffer[0] == 'c') *(volatile uint8_t *)0xfffffff0u = 1;
        if (buffer[0] == 'm') {
            while (__builtin_wasm_memory_grow(0, 16) != SIZE_MAX) {}
            __builtin_trap();
        }
        if (bulkhead_write(fd, buffer, (uint32_t)length) != 0) return;
    }
}

int main(int argc, char **argv) {
    int32_t listener, connection;
    if (argc < 2) return 64;
    outcome("listen", (__wasi_errno_t)bulkhead_tcp_listen("127.0.0.1", (uint32_t)atoi(argv[1]), &listener));
    for (;;) {
        int32_t error = bulkhead_accept(listener, &connection);
        // A budget of its own: who takes all memory takes all of that.
        struct bulkhead_limit limit = {.limit = BULKHEAD_LIMIT_MEMORY, .value = 1 << 20};
        struct bulkhead_handle moved = {BULKHEAD_DESCRIPTOR, BULKHEAD_MOVE, (uint32_t)connection};
        struct bulkhead_options options = {.handles = &moved, .handle_count = 1, .limits = &limit, .limit_count = 1};
        struct bulkhead_child child;
        if (error == 0) error = bulkhead_spawn_with(serve, &options, &child);
        if (error == 0) error = bulkhead_host_handle_close(child.process);
        if (error != 0) {
            outcome("accept or spawn", (__wasi_errno_t)error);
            return 1;
        }
    }
}
