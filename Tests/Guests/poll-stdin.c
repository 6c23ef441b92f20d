// Waits for standard input or for as many milliseconds as its argument says (50 without one): "readable" or "timeout".
#include "guest.h"

int main(int count, char **arguments) {
    __wasi_subscription_t wanted[2] = {{.userdata = 1}, {.userdata = 2}};
    wanted[0].u.tag = __WASI_EVENTTYPE_FD_READ;
    wanted[0].u.u.fd_read.file_descriptor = 0;
    wanted[1].u.tag = __WASI_EVENTTYPE_CLOCK;
    wanted[1].u.u.clock.id = __WASI_CLOCKID_MONOTONIC;
    wanted[1].u.u.clock.timeout = (count > 1 ? (uint64_t)atoll(arguments[1]) : 50) * 1000000;
    __wasi_event_t events[2];
    __wasi_size_t ready = 0;
    __wasi_errno_t error = __wasi_poll_oneoff(wanted, events, 2, &ready);
    if (error != 0) {
        outcome("poll", error);
        return 1;
    }
    for (__wasi_size_t i = 0; i < ready; i++) {
        if (events[i].error != 0) outcome("event", events[i].error);
        else say(events[i].userdata == 1 ? "readable\n" : "timeout\n");
    }
}
