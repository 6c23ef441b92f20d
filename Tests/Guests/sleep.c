// Sleeps for as many milliseconds as its argument says (10 without one), by poll_oneoff, and tells how the wait ended.
#include "guest.h"

int main(int count, char **arguments) {
    uint64_t milliseconds = count > 1 ? (uint64_t)atoll(arguments[1]) : 10;
    __wasi_subscription_t wanted = {.userdata = 42};
    wanted.u.tag = __WASI_EVENTTYPE_CLOCK;
    wanted.u.u.clock.id = __WASI_CLOCKID_MONOTONIC;
    wanted.u.u.clock.timeout = milliseconds * 1000000;
    __wasi_event_t event = {0};
    __wasi_size_t ready = 0;
    __wasi_errno_t error = __wasi_poll_oneoff(&wanted, &event, 1, &ready);
    if (error == 0 && (ready != 1 || event.userdata != 42)) return 1;
    outcome("sleep", error != 0 ? error : event.error);
}
