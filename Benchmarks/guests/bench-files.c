// Times file calls beneath /data from within, and prints nanoseconds a call: reading and writing 4 KiB, opening and closing.
#include "guest.h"

static uint64_t now(void) {
    __wasi_timestamp_t time = 0;
    if (__wasi_clock_time_get(__WASI_CLOCKID_MONOTONIC, 1, &time) != 0) __builtin_trap();
    return time;
}

static void print(const char *name, uint64_t nanoseconds, uint64_t calls) {
    say(name);
    say(" ");
    say(decimal(nanoseconds / calls));
    say("\n");
}

int main(void) {
    enum { calls = 100000, opens = 20000 };
    static uint8_t block[4096];
    __wasi_fd_t data = preopen("/data"), fd = 0;
    __wasi_rights_t rights = READ_RIGHTS | WRITE_RIGHTS;
    if (__wasi_path_open(data, 0, "block", __WASI_OFLAGS_CREAT, rights, 0, 0, &fd) != 0) return 1;
    __wasi_size_t count = 0;
    __wasi_iovec_t into = {.buf = block, .buf_len = sizeof block};
    __wasi_ciovec_t from = {.buf = block, .buf_len = sizeof block};

    uint64_t start = now();
    for (int i = 0; i < calls; i++) {
        if (__wasi_fd_pwrite(fd, &from, 1, 0, &count) != 0 || count != sizeof block) return 2;
    }
    print("write", now() - start, calls);

    start = now();
    for (int i = 0; i < calls; i++) {
        if (__wasi_fd_pread(fd, &into, 1, 0, &count) != 0 || count != sizeof block) return 3;
    }
    print("read", now() - start, calls);

    start = now();
    for (int i = 0; i < opens; i++) {
        __wasi_fd_t again = 0;
        if (open_for_reading(data, "block", &again) != 0 || __wasi_fd_close(again) != 0) return 4;
    }
    print("open-close", now() - start, opens);
}
