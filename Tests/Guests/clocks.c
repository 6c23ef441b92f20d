// Reads each clock and its resolution; a monotonic clock that goes back ends the guest with 1.
#include "guest.h"

int main(void) {
    static const char *const names[] = {"realtime", "monotonic", "process_cputime", "thread_cputime", "unknown"};
    for (__wasi_clockid_t id = 0; id < 5; id++) {
        __wasi_timestamp_t time = 0, again = 0, resolution = 0;
        __wasi_clockid_t which = id < 4 ? id : 99;
        outcome(names[id], __wasi_clock_time_get(which, 0, &time));
        (void)!__wasi_clock_time_get(which, 0, &again);
        if (id == __WASI_CLOCKID_MONOTONIC && again < time) return 1;
        say("resolution ");
        outcome(names[id], __wasi_clock_res_get(which, &resolution));
    }
}
