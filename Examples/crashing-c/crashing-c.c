// A server that names numbers, by C code that crashes on large ones. A crash ends the process of one connection, and
// nothing else.
#include <bulkhead.h>
#include <stdio.h>
#include <unistd.h>

#include "lib/number.c"

static void serve(void) {
    FILE *connection = fdopen(bulkhead_take_descriptor(), "r+");
    char line[128], name[16];
    while (fgets(line, sizeof line, connection) != NULL) {
        uint32_t length = number_name(line, sizeof line, name);
        if (write(fileno(connection), name, length) < 0) return;
    }
}

int main(void) {
    int32_t listener, connection;
    int32_t error = bulkhead_tcp_listen("127.0.0.1", 0, &listener);
    if (error != 0) return printf("listen: errno %d\n", error), 1;
    char address[64];
    uint32_t length;
    bulkhead_host_socket_address(listener, 0, address, sizeof address, &length);
    printf("naming numbers on %.*s\n", (int)length, address);
    fflush(stdout);
    while (bulkhead_accept(listener, &connection) == 0) {
        if (bulkhead_spawn_descriptor(serve, connection) != 0) close(connection);
    }
    return 1;
}
