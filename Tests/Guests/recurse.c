// build: -Wno-infinite-recursion
// Calls itself until the stack runs out.
#include "guest.h"

__attribute__((noinline)) static uint32_t deeper(uint32_t depth) {
    volatile uint32_t local = depth;
    return deeper(depth + 1) + local;
}

int main(void) {
    say("recursing\n");
    return (int)deeper(1);
}
