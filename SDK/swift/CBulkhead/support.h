// What the Swift sources use of Support/support.c.
#pragma once
#include <stdint.h>

void bulkhead_swift_flush(void);
__attribute__((noreturn)) void bulkhead_swift_fail(const char *text, uint32_t length);
__attribute__((import_module("wasi_snapshot_preview1"), import_name("proc_exit"), noreturn)) extern void
    bulkhead_wasi_proc_exit(uint32_t code);
__attribute__((import_module("wasi_snapshot_preview1"), import_name("fd_prestat_get"))) extern int32_t
    bulkhead_wasi_fd_prestat_get(int32_t fd, void *out);
__attribute__((import_module("wasi_snapshot_preview1"), import_name("fd_prestat_dir_name"))) extern int32_t
    bulkhead_wasi_fd_prestat_dir_name(int32_t fd, void *name, uint32_t capacity);
__attribute__((import_module("wasi_snapshot_preview1"), import_name("path_open"))) extern int32_t
    bulkhead_wasi_path_open(int32_t directory, uint32_t lookup, const char *path, uint32_t length, uint32_t flags,
                            uint64_t rights, uint64_t inheriting, uint32_t fd_flags, int32_t *out);
