// What the benchmarks' guests share: a clock, and the line that gives one figure.
#pragma once

#include "guest.h"

static inline uint64_t now(void) {
    __wasi_timestamp_t time = 0;
    if (__wasi_clock_time_get(__WASI_CLOCKID_MONOTONIC, 1, &time) != 0) __builtin_trap();
    return time;
}

// "NAME PICOSECONDS": of one turn, when `turns` of them took `nanoseconds`. Calls of some nanoseconds need the thousandths.
static inline void figure(const char *name, uint64_t nanoseconds, uint64_t turns) {
    say(name);
    say(" ");
    say(decimal(nanoseconds * 1000 / turns));
    say("\n");
}
