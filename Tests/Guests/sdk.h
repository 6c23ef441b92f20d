// What the SDK's guests in C share: lines that tell what held.
#pragma once

#include <bulkhead.h>

__attribute__((import_module("wasi_snapshot_preview1"), import_name("proc_exit"), noreturn)) extern void
    bulkhead_proc_exit(uint32_t code);

static inline void expect(const char *name, bool held) {
    bulkhead_print(name);
    bulkhead_print(held ? ": ok\n" : ": FAILED\n");
}

static inline bool same(const char *left, const char *right, uint32_t length) {
    for (uint32_t i = 0; i < length; i++)
        if (left[i] != right[i]) return false;
    return true;
}

static inline int finish(void) {
    bulkhead_print("done\n");
    return 0;
}
