// Limits that a parent sets for a child: each ends or stops the child, and leaves the parent as it was.
#include "processes.h"

static void growing(void) {
    while (__builtin_wasm_memory_grow(0, 16) != (size_t)-1) {
    }
    bulkhead_host_exit(BULKHEAD_BYTES, "full", 4);
}

static void spinning(void) {
    for (volatile uint64_t turns = 0;; turns++) {
    }
}

static void sleeping(void) { bulkhead_host_sleep(-1); }

static void holding(void) {
    uint32_t handle;
    uint64_t count = 0;
    int32_t error;
    while (count < 1000 && (error = bulkhead_host_handle_duplicate(0, &handle)) == 0) count++;
    uint64_t seen[2] = {count, (uint64_t)error};
    bulkhead_host_exit(BULKHEAD_BYTES, seen, sizeof seen);
}

static void hoarding(void) {
    uint32_t out[2];
    uint64_t count = 0;
    int32_t error;
    while (count < 1000000 && (error = bulkhead_host_monitor(0, 0, out)) == 0) count++;
    uint64_t seen[2] = {count, (uint64_t)error};
    bulkhead_host_exit(BULKHEAD_BYTES, seen, sizeof seen);
}

static void filling(void) {
    static uint8_t kilobyte[1024];
    uint64_t count = 0;
    int32_t error;
    while (count < 100000 && (error = bulkhead_host_send(0, 1, kilobyte, sizeof kilobyte, 0, 0)) == 0) count++;
    uint64_t seen[2] = {count, (uint64_t)error};
    bulkhead_host_exit(BULKHEAD_BYTES, seen, sizeof seen);
}

// Two levels of children share what the first was given.
static void spawning(void) {
    struct bulkhead_options options = {.entry = (uint32_t)(uintptr_t)sleeping};
    struct bulkhead_child child;
    uint64_t count = 0;
    int32_t error;
    while (count < 1000 && (error = bulkhead_host_spawn(&options, &child)) == 0) count++;
    uint64_t seen[2] = {count, (uint64_t)error};
    bulkhead_host_exit(BULKHEAD_BYTES, seen, sizeof seen);
}

static struct bulkhead_reason limited(void (*entry)(void), uint32_t limit, uint64_t value, uint64_t seen[2]) {
    struct bulkhead_limit limits[] = {{.limit = limit, .value = value}};
    struct bulkhead_child child = start_with(
        entry, (struct bulkhead_options){.flags = BULKHEAD_SPAWN_MONITOR, .limits = limits, .limit_count = 1});
    uint8_t payload[8192];
    uint64_t tag = BULKHEAD_DOWN_TAG(child.monitor);
    struct bulkhead_message message = take(&tag, 1, payload, sizeof payload);
    struct bulkhead_reason reason;
    memcpy(&reason, payload, sizeof reason);
    if (seen && message.length == sizeof reason + 16) memcpy(seen, payload + sizeof reason, 16);
    REQUIRE(0, bulkhead_host_handle_close(child.process));
    return reason;
}

int main(void) {
    uint64_t seen[2] = {0};
    struct bulkhead_reason reason = limited(growing, BULKHEAD_LIMIT_MEMORY, 1 << 20, 0);
    EXPECT("memory: growth fails, and the child goes on", BULKHEAD_BYTES, reason.kind);
    reason = limited(growing, BULKHEAD_LIMIT_MEMORY, 1000, 0);
    EXPECT("memory: too little to begin with", BULKHEAD_LIMIT, reason.kind);
    EXPECT("which is told", BULKHEAD_LIMIT_MEMORY, reason.code);
    EXPECT("with what was allowed", 1000, reason.allowed);
    reason = limited(spinning, BULKHEAD_LIMIT_CPU, 30 * BULKHEAD_MILLISECONDS, 0);
    EXPECT("cpu", BULKHEAD_LIMIT, reason.kind);
    EXPECT("which is told, too", BULKHEAD_LIMIT_CPU, reason.code);
    reason = limited(sleeping, BULKHEAD_LIMIT_WALL, 20 * BULKHEAD_MILLISECONDS, 0);
    EXPECT("wall, asleep", BULKHEAD_LIMIT, reason.kind);
    EXPECT("as such", BULKHEAD_LIMIT_WALL, reason.code);
    reason = limited(spinning, BULKHEAD_LIMIT_WALL, 20 * BULKHEAD_MILLISECONDS, 0);
    EXPECT("wall, at work", BULKHEAD_LIMIT_WALL, reason.code);
    limited(holding, BULKHEAD_LIMIT_FDS, 20, seen);
    EXPECT("handles", 20, seen[0]);
    EXPECT("then mfile", BULKHEAD_MFILE, seen[1]);
    limited(hoarding, BULKHEAD_LIMIT_MEMORY, 2 << 20, seen);
    EXPECT("monitors are memory", 1, seen[0] > 1000 && seen[0] < 30000);
    EXPECT("then nomem", BULKHEAD_NOMEM, seen[1]);
    limited(filling, BULKHEAD_LIMIT_MAILBOX_BYTES, 64 << 10, seen);
    EXPECT("bytes of the mailbox", 1, seen[0] > 40 && seen[0] <= 64);
    EXPECT("then again", BULKHEAD_AGAIN, seen[1]);
    limited(filling, BULKHEAD_LIMIT_MAILBOX_MESSAGES, 7, seen);
    EXPECT("messages of the mailbox", 7, seen[0]);
    limited(spawning, BULKHEAD_LIMIT_PROCESSES, 5, seen);
    EXPECT("processes", 5, seen[0]);
    limited(spawning, BULKHEAD_LIMIT_PROCESSES, 0, seen);
    EXPECT("none", 0, seen[0]);
    say("done\n");
}
