// Traps beneath functions whose names a backtrace should show; the argument picks the kind.
#include "guest.h"

// Volatile, so that nothing is decided when the guest is compiled.
static volatile uint32_t zero = 0, dividend = 7;
static volatile uintptr_t far = 0xfffffff0;

__attribute__((noinline)) static uint32_t innermost(const char *kind) {
    if (strcmp(kind, "divide") == 0) return dividend / zero;
    if (strcmp(kind, "bounds") == 0) return *(volatile uint32_t *)far;
    if (strcmp(kind, "indirect") == 0) {
        uint32_t (*nothing)(void) = (uint32_t (*)(void))(uintptr_t)(zero + 1000000);
        return nothing();
    }
    __builtin_trap();
}

__attribute__((noinline)) static uint32_t middle(const char *kind) { return innermost(kind) + 1 + zero; }

__attribute__((noinline)) static uint32_t outermost(const char *kind) { return middle(kind) + 1 + zero; }

int main(int count, char **arguments) {
    say("about to trap\n");
    return (int)outermost(count > 1 ? arguments[1] : "unreachable");
}
