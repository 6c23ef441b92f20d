// Draws 32 random bytes twice; equal draws end the guest with 1.
#include "guest.h"

int main(void) {
    uint8_t first[32] = {0}, second[32] = {0};
    __wasi_errno_t error = __wasi_random_get(first, sizeof first);
    if (error == 0) error = __wasi_random_get(second, sizeof second);
    outcome("random", error);
    return error == 0 && memcmp(first, second, sizeof first) == 0 ? 1 : 0;
}
