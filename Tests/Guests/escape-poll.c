// poll_oneoff with counts that make no sense: none, ten million, and two whose size in bytes wraps around 32 bits.
#include "guest.h"

int main(void) {
    __wasi_subscription_t wanted = {0};
    __wasi_event_t event;
    __wasi_size_t ready = 0;
    wanted.u.tag = __WASI_EVENTTYPE_CLOCK;
    wanted.u.u.clock.id = __WASI_CLOCKID_MONOTONIC;
    attempt("poll-none", __wasi_poll_oneoff(&wanted, &event, 0, &ready));
    attempt("poll-ten-million", __wasi_poll_oneoff(&wanted, &event, 10000000, &ready));
    attempt("poll-wrapping", __wasi_poll_oneoff(&wanted, &event, 89478486, &ready));
    attempt("poll-all-bits", __wasi_poll_oneoff(&wanted, &event, 0xffffffff, &ready));
    attempt("poll-beyond-memory", __wasi_poll_oneoff((__wasi_subscription_t *)0xfffffff0, &event, 1, &ready));
    wanted.u.tag = 77;
    __wasi_errno_t error = __wasi_poll_oneoff(&wanted, &event, 1, &ready);
    attempt("poll-unknown-kind", error != 0 ? error : event.error);
    // With room for them all: ten million subscriptions and their events, where the memory limit lets it.
    uint32_t pages = (10000000u * 48 + 10000000u * 32) / 65536 + 1;
    size_t first = __builtin_wasm_memory_grow(0, pages);
    if (first == (size_t)-1) {
        say("poll-ten-million-real: denied ENOMEM\n");
        return 0;
    }
    __wasi_subscription_t *many = (__wasi_subscription_t *)(first << 16);
    attempt("poll-ten-million-real", __wasi_poll_oneoff(many, (__wasi_event_t *)(many + 10000000), 10000000, &ready));
}
