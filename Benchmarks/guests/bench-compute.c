// build: -Wl,--initial-memory=67108864
// Times computing on a large memory from within, and prints nanoseconds: a sieve, a matrix product, a chain of hashes.
#include "guest.h"

enum { limit = 24 << 20, side = 256 };

static uint8_t composite[limit];
static float left[side][side], right[side][side], product[side][side];

static uint64_t now(void) {
    __wasi_timestamp_t time = 0;
    if (__wasi_clock_time_get(__WASI_CLOCKID_MONOTONIC, 1, &time) != 0) __builtin_trap();
    return time;
}

__attribute__((noinline)) static uint32_t sieve(void) {
    uint32_t primes = 0;
    for (uint32_t i = 2; i < limit; i++) {
        if (composite[i]) continue;
        primes++;
        for (uint64_t j = (uint64_t)i * i; j < limit; j += i) composite[j] = 1;
    }
    return primes;
}

__attribute__((noinline)) static float multiply(void) {
    for (int i = 0; i < side; i++) {
        for (int j = 0; j < side; j++) {
            left[i][j] = (float)(i ^ j);
            right[i][j] = (float)(i + j);
        }
    }
    for (int turn = 0; turn < 10; turn++) {
        for (int i = 0; i < side; i++) {
            for (int j = 0; j < side; j++) {
                float sum = 0;
                for (int k = 0; k < side; k++) sum += left[i][k] * right[k][j];
                product[i][j] = sum;
            }
        }
    }
    return product[side - 1][side - 1];
}

__attribute__((noinline)) static uint64_t hash(void) {
    uint64_t value = 0xcbf29ce484222325;
    for (uint32_t i = 0; i < 4000000; i++) {
        value ^= composite[value % limit] + i;
        value *= 0x100000001b3;
    }
    return value;
}

int main(void) {
    uint64_t start = now();
    uint32_t primes = sieve();
    float corner = multiply();
    uint64_t last = hash();
    uint64_t taken = now() - start;
    // Printed, so that none of it is left out.
    if (primes != 1503283 && corner < 0 && last == 0) return 1;
    say("compute ");
    say(decimal(taken));
    say("\n");
}
