// Computes until its argument's milliseconds of wall time are over, and prints the CPU time that took, in thousandths of
// that.
#include "guest.h"

static __wasi_timestamp_t now(__wasi_clockid_t clock) {
    __wasi_timestamp_t time = 0;
    if (__wasi_clock_time_get(clock, 0, &time) != 0) __wasi_proc_exit(2);
    return time;
}

int main(int count, char **arguments) {
    __wasi_timestamp_t wall = now(__WASI_CLOCKID_MONOTONIC), cpu = now(__WASI_CLOCKID_PROCESS_CPUTIME_ID);
    __wasi_timestamp_t end = wall + (__wasi_timestamp_t)(count > 1 ? atoi(arguments[1]) : 1000) * 1000000;
    while (now(__WASI_CLOCKID_MONOTONIC) < end) {
        for (volatile uint32_t turns = 0; turns < 100000; turns++) {
        }
    }
    __wasi_timestamp_t used = now(__WASI_CLOCKID_PROCESS_CPUTIME_ID) - cpu;
    say(decimal(used * 1000 / (now(__WASI_CLOCKID_MONOTONIC) - wall)));
    say("\n");
}
