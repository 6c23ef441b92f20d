// Times file calls beneath /data from within: reading and writing 4 KiB, in order and in place, opening and closing.
#include "bench.h"

int main(void) {
    enum { blocks = 2048, rounds = 30, opens = 20000 };
    static uint8_t block[4096];
    const uint64_t calls = (uint64_t)blocks * rounds;
    __wasi_fd_t data = preopen("/data"), fd = 0;
    __wasi_rights_t rights = READ_RIGHTS | WRITE_RIGHTS;
    if (__wasi_path_open(data, 0, "block", __WASI_OFLAGS_CREAT, rights, 0, 0, &fd) != 0) return 1;
    __wasi_size_t count = 0;
    __wasi_filesize_t position = 0;
    __wasi_iovec_t into = {.buf = block, .buf_len = sizeof block};
    __wasi_ciovec_t from = {.buf = block, .buf_len = sizeof block};

    // The file has its pages before anything is timed.
    for (int i = 0; i < blocks; i++) {
        if (__wasi_fd_write(fd, &from, 1, &count) != 0 || count != sizeof block) return 2;
    }

    uint64_t start = now();
    for (int round = 0; round < rounds; round++) {
        if (__wasi_fd_seek(fd, 0, __WASI_WHENCE_SET, &position) != 0) return 3;
        for (int i = 0; i < blocks; i++) {
            if (__wasi_fd_write(fd, &from, 1, &count) != 0 || count != sizeof block) return 4;
        }
    }
    figure("fd_write", now() - start, calls);

    start = now();
    for (int round = 0; round < rounds; round++) {
        if (__wasi_fd_seek(fd, 0, __WASI_WHENCE_SET, &position) != 0) return 5;
        for (int i = 0; i < blocks; i++) {
            if (__wasi_fd_read(fd, &into, 1, &count) != 0 || count != sizeof block) return 6;
        }
    }
    figure("fd_read", now() - start, calls);

    start = now();
    for (uint64_t i = 0; i < calls; i++) {
        if (__wasi_fd_pwrite(fd, &from, 1, 0, &count) != 0 || count != sizeof block) return 7;
    }
    figure("fd_pwrite", now() - start, calls);

    start = now();
    for (uint64_t i = 0; i < calls; i++) {
        if (__wasi_fd_pread(fd, &into, 1, 0, &count) != 0 || count != sizeof block) return 8;
    }
    figure("fd_pread", now() - start, calls);

    start = now();
    for (int i = 0; i < opens; i++) {
        __wasi_fd_t again = 0;
        if (open_for_reading(data, "block", &again) != 0 || __wasi_fd_close(again) != 0) return 9;
    }
    figure("open-close", now() - start, opens);
}
