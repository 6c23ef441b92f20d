// What the Swift sources use of Support/support.c.
#pragma once
#include <stdint.h>

void bulkhead_swift_flush(void);
__attribute__((noreturn)) void bulkhead_swift_fail(const char *text, uint32_t length);
__attribute__((import_module("wasi_snapshot_preview1"), import_name("proc_exit"), noreturn)) extern void bulkhead_wasi_proc_exit(uint32_t code);
