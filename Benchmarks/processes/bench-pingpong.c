// blocking|handler COUNT: two processes send a number back and forth, COUNT round trips.
#include <bulkhead.h>

#include "processes.h"

static void pong(void) {
    uint32_t ping;
    started_with(&ping);
    for (;;) tell(ping, hear());
}

static void ping(void) {
    struct bulkhead_handle self = process(BULKHEAD_SELF);
    uint64_t count = started_with(0);
    uint32_t other = start(pong, 0, 0, &self, 1);
    uint64_t begin = 0;
    enum { warm_ups = 1000 };
    for (uint64_t i = 0; i < count + warm_ups; i++) {
        if (i == warm_ups) begin = now();
        tell(other, i);
        hear();
    }
    figure("round-trip", now() - begin, count);
}

// The same, as two handlers. The ping is told about the pong in its first message, and tells the first process when it is done.
static uint32_t other, parent;
static uint64_t left, turns, began;

static int32_t on_message(void) {
    uint64_t value = 0;
    struct bulkhead_handle handle;
    struct bulkhead_message message;
    if (!take(&value, &handle, &message)) return 0;
    if (message.handle_count == 1) {
        other = handle.value;
        began = now();
    }
    if (parent == 0 || left-- > 0) {
        tell(other, value);
        return 0;
    }
    figure("round-trip", now() - began, turns);
    tell(parent, 0);
    return 1;
}

static void handler_pong(void) {
    started_with(&other);
    bulkhead_on_message(on_message);
}

static void handler_ping(void) {
    turns = left = started_with(&parent);
    bulkhead_on_message(on_message);
}

int main(int argc, char **argv) {
    char **word = words(argc, argv, 2);
    uint64_t count = number(word[1]);
    if (word[0][0] == 'b') {
        await_down(start_child(ping, BULKHEAD_SPAWN_MONITOR, count, 0, 0).monitor);
        return 0;
    }
    struct bulkhead_handle self = process(BULKHEAD_SELF);
    struct bulkhead_handle first = process(start(handler_ping, BULKHEAD_SPAWN_HANDLER, count, &self, 1));
    struct bulkhead_handle second = process(start(handler_pong, BULKHEAD_SPAWN_HANDLER, 0, &first, 1));
    must("send", bulkhead_send_handles(first.value, 0, 0, 0, &second, 1, 0));
    hear();
}
