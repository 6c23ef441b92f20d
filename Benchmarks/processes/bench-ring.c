// blocking|handler SIZE TOKENS LAPS: tokens go around a ring of processes, each LAPS times.
#include <bulkhead.h>

#include "processes.h"

static uint32_t next, parent;

// One token has come: pass it on. Only the head knows the first process, counts laps and says when a token is through.
static void pass(uint64_t laps) {
    if (parent == 0) {
        tell(next, laps);
    } else if (laps == 0) {
        tell(parent, 0);
    } else {
        tell(next, laps - 1);
    }
}

// A node hears of its successor as it starts, the head in its first message.
static void introduce(void) {
    uint32_t other;
    if (started_with(&other) == 0)
        next = other;
    else
        parent = other;
}

static void node(void) {
    introduce();
    if (parent != 0) {
        struct bulkhead_handle to;
        struct bulkhead_message message;
        must("receive", bulkhead_receive_select(0, 0, 0, 0, &to, 1, &message, BULKHEAD_FOREVER));
        next = to.value;
    }
    for (;;) pass(hear());
}

static int32_t on_message(void) {
    uint64_t value = 0;
    struct bulkhead_handle to;
    struct bulkhead_message message;
    if (!take(&value, &to, &message)) return 0;
    if (message.handle_count == 1)
        next = to.value;
    else
        pass(value);
    return 0;
}

static void handler_node(void) {
    introduce();
    bulkhead_on_message(on_message);
}

int main(int argc, char **argv) {
    char **word = words(argc, argv, 4);
    int handlers = word[0][0] == 'h';
    uint64_t size = number(word[1]), tokens = number(word[2]), laps = number(word[3]);
    bulkhead_entry entry = handlers ? handler_node : node;
    uint32_t flags = handlers ? BULKHEAD_SPAWN_HANDLER : 0;
    struct bulkhead_handle self = process(BULKHEAD_SELF);
    struct bulkhead_handle head = process(start(entry, flags, 1, &self, 1));
    struct bulkhead_handle successor = head;
    for (uint64_t i = 1; i < size; i++) {
        uint32_t made = start(entry, flags, 0, &successor, 1);
        if (successor.value != head.value) bulkhead_host_handle_close(successor.value);
        successor = process(made);
    }
    must("send", bulkhead_send_handles(head.value, 0, 0, 0, &successor, 1, 0));
    // All have started and know their places before the clock does.
    bulkhead_sleep(100000000);
    uint64_t begin = now();
    for (uint64_t i = 0; i < tokens; i++) tell(head.value, laps);
    for (uint64_t i = 0; i < tokens; i++) hear();
    figure("hop", now() - begin, size * tokens * laps);
}
