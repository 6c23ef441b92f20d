// What the guests of the process benchmarks share, above the C SDK: starting children, numbers as messages, and figures.
#pragma once

#include <bulkhead.h>

#include "bench.h"

// Says what failed and ends the program: a figure from a run that went wrong is worse than none.
_Noreturn static inline void failed(const char *what, int32_t error) {
    say(what);
    say(": ");
    say(errno_name((__wasi_errno_t)error));
    say("\n");
    __wasi_proc_exit(1);
}

static inline void must(const char *what, int32_t error) {
    if (error != 0) failed(what, error);
}

static inline struct bulkhead_handle process(uint32_t value) {
    return (struct bulkhead_handle){.kind = BULKHEAD_PROCESS, .value = value};
}

// Starts a child that gets a number and handles; no argument at all where there is neither, for what nobody takes is kept.
static inline struct bulkhead_child start_child(
    bulkhead_entry entry, uint32_t flags, uint64_t argument, const struct bulkhead_handle *handles, uint32_t count) {
    struct bulkhead_options options = {
        .flags = flags, .argument = &argument, .argument_length = argument != 0 || count > 0 ? sizeof argument : 0,
        .handles = handles, .handle_count = count};
    struct bulkhead_child child;
    must("spawn", bulkhead_spawn_with(entry, &options, &child));
    return child;
}

static inline uint32_t start(
    bulkhead_entry entry, uint32_t flags, uint64_t argument, const struct bulkhead_handle *handles, uint32_t count) {
    return start_child(entry, flags, argument, handles, count).process;
}

// The number this process was started with; at most one handle, a process's, goes to `handle`.
static inline uint64_t started_with(uint32_t *handle) {
    uint64_t value = 0;
    struct bulkhead_handle given = {0};
    struct bulkhead_message message;
    must("argument", bulkhead_host_argument(&value, sizeof value, &given, 1, &message));
    if (handle) *handle = given.value;
    return value;
}

static inline void tell(uint32_t to, uint64_t value) { must("send", bulkhead_send(to, 0, &value, sizeof value)); }

// Waits for a number, from anyone.
static inline uint64_t hear(void) {
    uint64_t value = 0;
    struct bulkhead_message message;
    must("receive", bulkhead_receive(&value, sizeof value, &message));
    return value;
}

// Takes a number and at most one handle; false when there is no message. For handlers, which never wait.
static inline bool take(uint64_t *value, struct bulkhead_handle *handle, struct bulkhead_message *message) {
    return bulkhead_host_receive(0, 0, value, sizeof *value, handle, 1, message) == 0;
}

static inline void await_down(uint32_t monitor) {
    uint64_t tag = BULKHEAD_DOWN_TAG(monitor);
    struct bulkhead_reason reason;
    struct bulkhead_message message;
    // A reason with text does not fit: then something went wrong, and the text has been printed.
    must("DOWN", bulkhead_receive_select(&tag, 1, &reason, sizeof reason, 0, 0, &message, BULKHEAD_FOREVER));
    if (reason.kind != BULKHEAD_NORMAL) failed("a child's end", BULKHEAD_IO);
}

static inline uint64_t number(const char *text) {
    uint64_t value = 0;
    while (*text >= '0' && *text <= '9') value = value * 10 + (uint64_t)(*text++ - '0');
    return value;
}

// The words after the program's name; ends the program when there are fewer than `least`.
static inline char **words(int argc, char **argv, int least) {
    if (argc - 1 >= least) return argv + 1;
    say("too few arguments\n");
    __wasi_proc_exit(64);
}

static inline void line(const char *name, uint64_t value) {
    say(name);
    say(" ");
    say(decimal(value));
    say("\n");
}
