// Writes lines to standard output until a write fails or 4 GiB are out.
#include "guest.h"

int main(void) {
    static char block[65536];
    memset(block, 'x', sizeof block);
    for (size_t end = 63; end < sizeof block; end += 64) block[end] = '\n';
    for (uint32_t i = 0; i < 65536; i++) {
        __wasi_errno_t error = write_all(1, block, sizeof block);
        if (error != 0) return 3;
    }
    return 1;
}
