// An echo server with a process for each connection. Reads block, and hold up nobody but their own process.
#include <bulkhead.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

static void echo(void) {
    int connection = bulkhead_take_descriptor();
    char bytes[1024];
    for (ssize_t count; (count = read(connection, bytes, sizeof bytes)) > 0;) {
        for (ssize_t written = 0; written < count;) {
            ssize_t more = write(connection, bytes + written, (size_t)(count - written));
            if (more < 0) return;
            written += more;
        }
    }
}

static void accept_all(int listener) {
    for (int connection; (connection = accept(listener, NULL, NULL)) >= 0;) {
        if (bulkhead_spawn_descriptor(echo, connection) != 0) close(connection);
    }
    perror("accept");
}

static void acceptor(void) { accept_all(bulkhead_take_descriptor()); }

int main(void) {
    // Any port that the policy covers; ours covers one.
    int32_t listener;
    int32_t error = bulkhead_tcp_listen("127.0.0.1", 0, &listener);
    if (error != 0) return printf("listen: errno %d\n", error), 1;
    char address[64];
    uint32_t length;
    bulkhead_host_socket_address(listener, 0, address, sizeof address, &length);
    printf("echoing on %.*s\n", (int)length, address);
    fflush(stdout);
    for (int i = 1; i < 4; i++) {
        struct bulkhead_handle shared = {.kind = BULKHEAD_DESCRIPTOR, .value = (uint32_t)listener};
        struct bulkhead_options options = {.handles = &shared, .handle_count = 1};
        struct bulkhead_child child;
        if (bulkhead_spawn_with(acceptor, &options, &child) != 0) return 1;
    }
    accept_all(listener);
    return 1;
}
