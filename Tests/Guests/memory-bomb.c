// Grows its memory by 16 MiB at a time, touching every page, until growing fails or 3 GiB are reached.
#include "guest.h"

int main(void) {
    uint32_t pages = (uint32_t)__builtin_wasm_memory_size(0);
    while (pages < 49152) {
        if (__builtin_wasm_memory_grow(0, 256) == (size_t)-1) {
            say("memory-bomb: denied ENOMEM\n");
            return 0;
        }
        for (uint32_t page = 0; page < 256; page++) *(volatile uint8_t *)((uintptr_t)(pages + page) << 16) = 1;
        pages += 256;
    }
    say("memory-bomb: ESCAPED\n");
    return 1;
}
