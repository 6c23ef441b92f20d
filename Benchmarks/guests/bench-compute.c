// build: -Wl,--initial-memory=67108864
// Times computing on a large memory from within: a sieve, a matrix product, integer mixing, scattered reads.
#include "bench.h"

enum { limit = 8 << 20, side = 256 };

static uint8_t composite[limit];
static float left[side][side], right[side][side], product[side][side];

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
    for (int turn = 0; turn < 4; turn++) {
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

static inline uint32_t rotate(uint32_t value, int by) { return value >> by | value << (32 - by); }

// Rounds as a hash of the SHA-2 family has them, over a schedule in memory.
__attribute__((noinline)) static uint32_t mix(void) {
    uint32_t state[8] = {1, 2, 3, 4, 5, 6, 7, 8}, schedule[64];
    for (uint32_t turn = 0; turn < 60000; turn++) {
        for (uint32_t i = 0; i < 16; i++) schedule[i] = state[i & 7] + turn * i;
        for (int i = 16; i < 64; i++) {
            uint32_t low = schedule[i - 15], high = schedule[i - 2];
            low = rotate(low, 7) ^ rotate(low, 18) ^ low >> 3;
            high = rotate(high, 17) ^ rotate(high, 19) ^ high >> 10;
            schedule[i] = schedule[i - 16] + low + schedule[i - 7] + high;
        }
        for (int i = 0; i < 64; i++) {
            uint32_t a = state[0], e = state[4];
            uint32_t first = state[7] + (rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25)) +
                ((e & state[5]) ^ (~e & state[6])) + schedule[i];
            uint32_t second = (rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22)) +
                ((a & state[1]) ^ (a & state[2]) ^ (state[1] & state[2]));
            for (int j = 7; j > 0; j--) state[j] = state[j - 1];
            state[4] += first;
            state[0] = first + second;
        }
    }
    return state[0];
}

// Within a window that a second-level cache holds, so that checks of bounds are timed, not the memory bus.
__attribute__((noinline)) static uint64_t wander(void) {
    enum { window = 512 << 10 };
    uint64_t value = 0xcbf29ce484222325;
    for (uint32_t i = 0; i < 8000000; i++) {
        value ^= composite[(value >> 13) % window] + i;
        value *= 0x100000001b3;
    }
    return value;
}

int main(void) {
    uint64_t times[5] = {now()};
    uint32_t primes = sieve();
    times[1] = now();
    float corner = multiply();
    times[2] = now();
    uint32_t mixed = mix();
    times[3] = now();
    uint64_t last = wander();
    times[4] = now();
    // Read, so that none of it is left out.
    if (primes != 564163 || (corner < 0 && mixed == 0 && last == 0)) return 1;
    figure("sieve", times[1] - times[0], 1);
    figure("matrix", times[2] - times[1], 1);
    figure("mixing", times[3] - times[2], 1);
    figure("wandering", times[4] - times[3], 1);
    figure("compute", times[4] - times[0], 1);
}
