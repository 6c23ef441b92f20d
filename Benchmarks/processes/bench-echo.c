// PORT: a TCP echo server with a process for each connection, in blocking style.
#include <bulkhead.h>

#include "processes.h"

static void serve(void) {
    static uint8_t buffer[4096];
    int32_t fd = bulkhead_take_descriptor();
    for (;;) {
        int32_t length = bulkhead_read(fd, buffer, sizeof buffer);
        if (length <= 0 || bulkhead_write(fd, buffer, (uint32_t)length) != 0) return;
    }
}

int main(int argc, char **argv) {
    char **word = words(argc, argv, 1);
    int32_t listener, connection;
    must("listen", bulkhead_tcp_listen("127.0.0.1", (uint32_t)number(word[0]), &listener));
    say("ready\n");
    for (;;) {
        must("accept", bulkhead_accept(listener, &connection));
        must("spawn", bulkhead_spawn_descriptor(serve, connection));
    }
}
