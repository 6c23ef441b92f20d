// What the guests about processes share: the bare imports, children by function, and one line for each thing that must hold.
#pragma once

#define BULKHEAD_IMPORTS_ONLY
#include "../../SDK/c/bulkhead.h"
#include "guest.h"

// Outside of every memory.
#define NOWHERE ((void *)0xfffffff0u)

// "NAME: ok", or "NAME: FAILED in line N, got G".
static inline void checked(const char *name, int line, int64_t wanted, int64_t got) {
    say(name);
    if (wanted == got) {
        say(": ok\n");
        return;
    }
    say(": FAILED in line ");
    say(decimal((uint64_t)line));
    say(", got ");
    if (got < 0) say("-");
    say(decimal((uint64_t)(got < 0 ? -got : got)));
    say("\n");
}
#define EXPECT(name, wanted, expression) checked(name, __LINE__, (int64_t)(wanted), (int64_t)(expression))

// For what must hold on the way, and is not worth a line when it does.
#define REQUIRE(wanted, expression)                                                   \
    do {                                                                              \
        int64_t got_ = (int64_t)(expression);                                         \
        if (got_ != (int64_t)(wanted)) checked(#expression, __LINE__, wanted, got_);  \
    } while (0)

__attribute__((export_name("bulkhead_spawned"))) void bulkhead_spawned(uint32_t entry) {
    ((void (*)(void))(uintptr_t)entry)();
}

static inline struct bulkhead_child start_with(void (*entry)(void), struct bulkhead_options options) {
    struct bulkhead_child child = {0};
    options.entry = (uint32_t)(uintptr_t)entry;
    REQUIRE(0, bulkhead_host_spawn(&options, &child));
    return child;
}

static inline uint32_t start(void (*entry)(void)) {
    return start_with(entry, (struct bulkhead_options){0}).process;
}

// A child that has a handle on its parent: take it with `parent`.
static inline struct bulkhead_child start_child(void (*entry)(void), uint32_t flags) {
    struct bulkhead_handle self = {.kind = BULKHEAD_PROCESS};
    return start_with(entry, (struct bulkhead_options){.flags = flags, .handles = &self, .handle_count = 1});
}

static inline uint32_t parent(void) {
    struct bulkhead_handle handle = {0};
    struct bulkhead_message message;
    REQUIRE(0, bulkhead_host_argument(0, 0, &handle, 1, &message));
    return handle.value;
}

// The next message of these tags, or of any.
static inline struct bulkhead_message take(const uint64_t *tags, uint32_t count, void *buffer, uint32_t capacity) {
    struct bulkhead_message message = {0};
    REQUIRE(0, bulkhead_host_receive_wait(tags, count, buffer, capacity, 0, 0, &message, 10 * BULKHEAD_SECONDS));
    return message;
}

// Waits for a monitor's DOWN, or the EXIT of a process, and gives its reason.
static inline struct bulkhead_reason reason_of(uint64_t tag) {
    uint8_t buffer[8192];
    struct bulkhead_reason reason;
    take(&tag, 1, buffer, sizeof buffer);
    memcpy(&reason, buffer, sizeof reason);
    return reason;
}
