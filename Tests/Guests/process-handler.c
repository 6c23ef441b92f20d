// Handler processes: a server without a stack between messages, one that waits within a call, one that spins, and how they end.
#include "processes.h"

static uint64_t total, calls;
static uint32_t mode, peer;

enum { ADDING, WAITING, SPINNING, SELECTING, TRAPPING };

static void handler(void) {
    struct bulkhead_handle handle;
    struct bulkhead_message message;
    REQUIRE(0, bulkhead_host_argument(&mode, 4, &handle, 1, &message));
    peer = handle.value;
}

__attribute__((export_name("bulkhead_message"))) int32_t bulkhead_message(void) {
    uint64_t number;
    struct bulkhead_message message;
    calls++;
    uint64_t wanted[] = {7};
    if (bulkhead_host_receive(wanted, mode == SELECTING, &number, 8, 0, 0, &message) != 0) return 0;
    if (mode == TRAPPING) __builtin_trap();
    if (mode == WAITING) {
        bulkhead_host_sleep(2 * BULKHEAD_MILLISECONDS);
        // And for a message, as a call to another server does.
        REQUIRE(0, bulkhead_host_send(peer, 3, 0, 0, 0, 0));
        take((uint64_t[]){4}, 1, &number, 8);
    }
    if (mode == SPINNING) {
        for (volatile uint64_t turns = 0; turns < number; turns++) {
        }
    }
    total += message.tag;
    if (message.tag == 2) {
        uint64_t answer[2] = {total, calls};
        REQUIRE(0, bulkhead_host_send(peer, 2, answer, sizeof answer, 0, 0));
    }
    return message.tag == 9;
}

static struct bulkhead_child start_handler(uint32_t kind) {
    struct bulkhead_handle self = {.kind = BULKHEAD_PROCESS};
    return start_with(handler, (struct bulkhead_options){.flags = BULKHEAD_SPAWN_HANDLER | BULKHEAD_SPAWN_MONITOR, .argument = &kind,
                                                         .argument_length = 4, .handles = &self, .handle_count = 1});
}

static void post(struct bulkhead_child child, uint64_t tag, uint64_t number) {
    REQUIRE(0, bulkhead_host_send(child.process, tag, &number, 8, 0, 0));
}

int main(void) {
    uint64_t answer[2] = {0};
    struct bulkhead_child child = start_handler(ADDING);
    for (uint32_t index = 0; index < 300; index++) post(child, 1, 0);
    post(child, 2, 0);
    take((uint64_t[]){2}, 1, answer, sizeof answer);
    EXPECT("its memory stays between messages", 302, answer[0]);
    EXPECT("a call for each", 301, answer[1]);
    post(child, 9, 0);
    EXPECT("it ends by its result", BULKHEAD_NORMAL, reason_of(BULKHEAD_DOWN_TAG(child.monitor)).kind);

    child = start_handler(WAITING);
    for (uint32_t index = 0; index < 3; index++) {
        post(child, 1, 0);
        take((uint64_t[]){3}, 1, 0, 0);
        post(child, 4, 0);
    }
    post(child, 2, 0);
    take((uint64_t[]){3}, 1, 0, 0);
    post(child, 4, 0);
    take((uint64_t[]){2}, 1, answer, sizeof answer);
    EXPECT("it may wait like any", 5, answer[0]);

    struct bulkhead_child waiting = child;
    post(waiting, 1, 0);
    take((uint64_t[]){3}, 1, 0, 0);
    REQUIRE(0, bulkhead_host_exit_process(waiting.process, BULKHEAD_KILL, 0, 0));
    EXPECT("killed while it waits", BULKHEAD_KILLED, reason_of(BULKHEAD_DOWN_TAG(waiting.monitor)).kind);

    child = start_handler(SPINNING);
    struct bulkhead_child quick = start_handler(ADDING);
    post(child, 1, UINT64_MAX);
    post(quick, 2, 0);
    take((uint64_t[]){2}, 1, answer, sizeof answer);
    EXPECT("one that spins holds up nobody", 2, answer[0]);
    REQUIRE(0, bulkhead_host_exit_process(child.process, BULKHEAD_KILL, 0, 0));
    EXPECT("and can be killed", BULKHEAD_KILLED, reason_of(BULKHEAD_DOWN_TAG(child.monitor)).kind);

    child = start_handler(SELECTING);
    post(child, 1, 0);
    post(child, 1, 0);
    post(child, 7, 0);
    bulkhead_host_sleep(5 * BULKHEAD_MILLISECONDS);
    post(child, 9, 0);
    bulkhead_host_sleep(5 * BULKHEAD_MILLISECONDS);
    EXPECT("what it does not select does not end it", 0, bulkhead_host_alive(child.process));
    REQUIRE(0, bulkhead_host_exit_process(child.process, BULKHEAD_SHUTDOWN, 0, 0));
    EXPECT("killed between messages", BULKHEAD_SHUTDOWN, reason_of(BULKHEAD_DOWN_TAG(child.monitor)).kind);

    child = start_handler(TRAPPING);
    post(child, 1, 0);
    EXPECT("a trap", BULKHEAD_TRAP, reason_of(BULKHEAD_DOWN_TAG(child.monitor)).kind);
    say("done\n");
}
