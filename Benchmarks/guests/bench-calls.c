// Times calls that do next to nothing on the host: what is left is the way there and back.
#include "bench.h"

int main(void) {
    enum { calls = 500000 };
    uint64_t start = now();
    for (int i = 0; i < calls; i++) {
        __wasi_timestamp_t time = 0;
        if (__wasi_clock_time_get(__WASI_CLOCKID_MONOTONIC, 1, &time) != 0) return 1;
    }
    figure("clock_time_get", now() - start, calls);

    // Answered from a table, without a system call.
    __wasi_fd_t data = preopen("/data");
    start = now();
    for (int i = 0; i < calls; i++) {
        __wasi_prestat_t found;
        if (__wasi_fd_prestat_get(data, &found) != 0) return 2;
    }
    figure("fd_prestat_get", now() - start, calls);
}
