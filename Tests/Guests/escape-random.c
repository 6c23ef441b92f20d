// Asks for 1 GB of random bytes: more than its memory holds, and, where memory can be had, all of it.
#include "guest.h"

int main(void) {
    attempt("random-beyond-memory", __wasi_random_get((uint8_t *)0, 1u << 30));
    attempt("random-wrapping", __wasi_random_get((uint8_t *)0xffff0000, 1u << 30));
    size_t first = __builtin_wasm_memory_grow(0, 16384);
    if (first == (size_t)-1) {
        say("random-real: denied ENOMEM\n");
        return 0;
    }
    outcome("random-real", __wasi_random_get((uint8_t *)(first << 16), 1u << 30));
}
