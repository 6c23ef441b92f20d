// Tries to open a file as often as its argument says (ten million times without one) and counts the refusals.
#include "guest.h"

int main(int count, char **arguments) {
    uint64_t tries = count > 1 ? (uint64_t)atoll(arguments[1]) : 10000000, denied = 0;
    for (uint64_t i = 0; i < tries; i++) {
        __wasi_fd_t fd = 0;
        if (__wasi_path_open(3, 0, "secret", 0, READ_RIGHTS, 0, 0, &fd) != 0) denied++;
    }
    say("denied ");
    say(decimal(denied));
    say("\n");
    return denied == tries ? 0 : 1;
}
