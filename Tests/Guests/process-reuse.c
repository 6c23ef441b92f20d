// Processes one after another in the same place: none finds anything of the one before it, whether it runs on a fiber or is called
// directly, as those are whose like never waited; and one that waits after all, traps or is killed does so as any other.
#include "processes.h"

enum { rounds = 100 };

static int shared = 1;
static uint8_t space[20000];

struct found {
    uint32_t argument, message, shared, space, first_handle, first_monitor, ended_unharmed;
};

// Says what it finds, and leaves behind all that it can.
static void leaving(void) {
    struct found found = {0};
    struct bulkhead_message message;
    uint8_t byte;
    found.argument = (uint32_t)bulkhead_host_argument(&byte, 1, 0, 0, &message);
    found.message = (uint32_t)bulkhead_host_receive(0, 0, &byte, 1, 0, 0, &message);
    found.shared = (uint32_t)shared++;
    for (uint32_t index = 0; index < sizeof space; index++) found.space += space[index];
    memset(space, 7, sizeof space);
    uint32_t monitor[2];
    REQUIRE(0, bulkhead_host_alias(&found.first_handle));
    for (uint32_t count = 0; count < 12; count++) {
        REQUIRE(0, bulkhead_host_monitor(0, 1, monitor));
        if (count == 0) found.first_monitor = monitor[0];
    }
    // Were the last one's trap_exit still on, this signal to itself would be a message.
    if (bulkhead_host_exit_process(0, BULKHEAD_SHUTDOWN, 0, 0) == 0) found.ended_unharmed = 1;
    bulkhead_host_exit(BULKHEAD_BYTES, &found, sizeof found);
}

static void trapping(void) {
    REQUIRE(0, bulkhead_host_trap_exit(1));
    REQUIRE(0, bulkhead_host_send(0, 1, "unread", 6, 0, 0));
    leaving();
}

// With an argument it waits for a message from its parent and sends one, else it ends at once.
static void perhaps_waiting(void) {
    struct bulkhead_handle handle;
    struct bulkhead_message message;
    if (bulkhead_host_argument(0, 0, &handle, 1, &message) != 0) return;
    uint64_t seven = 7;
    take(&seven, 1, 0, 0);
    REQUIRE(0, bulkhead_host_send(handle.value, 8, 0, 0, 0, 0));
}

static void perhaps_trapping(void) {
    struct bulkhead_message message;
    if (bulkhead_host_argument(0, 0, 0, 0, &message) != BULKHEAD_AGAIN) __builtin_trap();
}

static struct bulkhead_reason end_of(struct bulkhead_child child) {
    struct bulkhead_reason reason = reason_of(BULKHEAD_DOWN_TAG(child.monitor));
    bulkhead_host_handle_close(child.process);
    return reason;
}

static void blank(void) {
    struct found found;
    uint32_t wrong = 0;
    for (uint32_t round = 0; round < rounds; round++) {
        struct bulkhead_child child = start_with(trapping, (struct bulkhead_options){.flags = BULKHEAD_SPAWN_MONITOR});
        uint8_t buffer[512];
        uint64_t tag = BULKHEAD_DOWN_TAG(child.monitor);
        take(&tag, 1, buffer, sizeof buffer);
        memcpy(&found, buffer + sizeof(struct bulkhead_reason), sizeof found);
        // The unread message is its own.
        wrong += found.argument != BULKHEAD_AGAIN || found.message != BULKHEAD_MSGSIZE || found.shared != 1 || found.space != 0;
        wrong += found.first_handle != 1 || found.first_monitor != 1 || found.ended_unharmed != 1;
        bulkhead_host_handle_close(child.process);

        child = start_with(leaving, (struct bulkhead_options){.flags = BULKHEAD_SPAWN_MONITOR});
        wrong += end_of(child).kind != BULKHEAD_SHUTDOWN;
    }
    EXPECT("each finds nothing of the others", 0, wrong);
}

static void waits_after_all(void) {
    struct bulkhead_handle self = {.kind = BULKHEAD_PROCESS};
    struct bulkhead_options monitored = {.flags = BULKHEAD_SPAWN_MONITOR};
    struct bulkhead_options waiting = {.flags = BULKHEAD_SPAWN_MONITOR, .handles = &self, .handle_count = 1};
    uint32_t wrong = 0;
    for (uint32_t round = 0; round < rounds; round++) wrong += end_of(start_with(perhaps_waiting, monitored)).kind != BULKHEAD_NORMAL;
    EXPECT("those that do not wait", 0, wrong);
    struct bulkhead_child child = start_with(perhaps_waiting, waiting), second = start_with(perhaps_waiting, waiting);
    // They have begun to wait, and others run all the same.
    for (uint32_t round = 0; round < rounds; round++) wrong += end_of(start_with(perhaps_waiting, monitored)).kind != BULKHEAD_NORMAL;
    EXPECT("others go on beside those that do", 0, wrong);
    EXPECT("one is told to go on", 0, bulkhead_host_send(child.process, 7, 0, 0, 0, 0));
    uint64_t eight = 8;
    take(&eight, 1, 0, 0);
    EXPECT("and ends", BULKHEAD_NORMAL, end_of(child).kind);
    EXPECT("the other is killed", 0, bulkhead_host_exit_process(second.process, BULKHEAD_KILL, 0, 0));
    EXPECT("and has been", BULKHEAD_KILLED, end_of(second).kind);
}

static void traps_after_all(void) {
    struct bulkhead_options monitored = {.flags = BULKHEAD_SPAWN_MONITOR};
    struct bulkhead_options trapping = {.flags = BULKHEAD_SPAWN_MONITOR, .argument = "x", .argument_length = 1};
    uint32_t wrong = 0;
    for (uint32_t round = 0; round < 2 * rounds; round++) {
        int traps = round >= rounds && round % 3 == 0;
        uint32_t wanted = traps ? BULKHEAD_TRAP : BULKHEAD_NORMAL;
        wrong += end_of(start_with(perhaps_trapping, traps ? trapping : monitored)).kind != wanted;
    }
    EXPECT("some trap, some do not", 0, wrong);
}

// A chain of budgets, each below the last one's: how many there are, sent to whoever started it.
static void lower(void) {
    uint32_t depth;
    struct bulkhead_handle handle;
    struct bulkhead_message message;
    REQUIRE(0, bulkhead_host_argument(&depth, 4, &handle, 1, &message));
    struct bulkhead_limit limit = {.limit = BULKHEAD_LIMIT_MAILBOX_MESSAGES, .value = 400 - depth};
    depth++;
    struct bulkhead_options options = {.argument = &depth, .argument_length = 4, .handles = &handle, .handle_count = 1,
                                       .limits = &limit, .limit_count = 1, .entry = (uint32_t)(uintptr_t)lower};
    struct bulkhead_child child;
    int32_t error = bulkhead_host_spawn(&options, &child);
    if (error == 0) return;
    REQUIRE(BULKHEAD_NOMEM, error);
    REQUIRE(0, bulkhead_host_send(handle.value, 9, &depth, 4, 0, 0));
}

static void chain(void) {
    uint32_t depth = 0;
    struct bulkhead_handle self = {.kind = BULKHEAD_PROCESS};
    start_with(lower, (struct bulkhead_options){.argument = &depth, .argument_length = 4, .handles = &self, .handle_count = 1});
    uint64_t nine = 9;
    take(&nine, 1, &depth, 4);
    EXPECT("no endless chain of budgets", 129, depth);
}

int main(void) {
    blank();
    waits_after_all();
    traps_after_all();
    chain();
    say("done\n");
}
