// The C behind HostCalls.h.
#define _GNU_SOURCE
#include "CWasmtime.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <sys/uio.h>
#include <unistd.h>

// Swift reads arguments and writes results at these distances (HostCall).
_Static_assert(sizeof(wasmtime_val_raw_t) == 16, "the library's slots are not what HostCall takes them for");

_Thread_local void *bulkhead_account __attribute__((tls_model("initial-exec")));

_Thread_local uint32_t bulkhead_thread __attribute__((tls_model("initial-exec")));

uint32_t bulkhead_number_thread(void) {
    static atomic_uint last;
    bulkhead_thread = atomic_fetch_add_explicit(&last, 1, memory_order_relaxed) + 1;
    return bulkhead_thread;
}

_Thread_local uintptr_t bulkhead_stack_floor __attribute__((tls_model("initial-exec")));

uintptr_t bulkhead_find_stack_floor(void) {
    pthread_attr_t attributes;
    void *floor = NULL;
    size_t size = 0;
    bulkhead_stack_floor = UINTPTR_MAX;
    if (pthread_getattr_np(pthread_self(), &attributes) != 0) return bulkhead_stack_floor;
    if (pthread_attr_getstack(&attributes, &floor, &size) == 0) bulkhead_stack_floor = (uintptr_t)floor;
    pthread_attr_destroy(&attributes);
    return bulkhead_stack_floor;
}

int64_t bulkhead_thread_faults(void) {
    struct rusage usage;
    return getrusage(RUSAGE_THREAD, &usage) == 0 ? usage.ru_minflt : -1;
}

bool bulkhead_read_pagemap(int descriptor, uintptr_t address, uint64_t *entries, size_t count) {
    struct iovec area = {entries, count * sizeof *entries};
    off_t offset = (off_t)(address / (uintptr_t)getpagesize() * sizeof *entries);
    // Of the calls that read at an offset, a sealed cell always has this one.
    return preadv2(descriptor, &area, 1, offset, 0) == (ssize_t)area.iov_len;
}

wasm_trap_t *bulkhead_call_waiting(void *env, wasmtime_caller_t *caller, wasmtime_val_raw_t *values, size_t count) {
    for (;;) {
        wasm_trap_t *trap = NULL;
        const wasmtime_func_t *suspend = NULL;
        if (bulkhead_attempt(env, caller, values, count, &trap, &suspend)) return trap;
        wasmtime_val_raw_t none;
        wasmtime_error_t *error =
            wasmtime_func_call_unchecked(wasmtime_caller_context(caller), suspend, &none, 0, &trap);
        if (error == NULL && trap == NULL) continue;
        // The process is being dropped: the trap unwinds the guest and is seen by nobody.
        if (error != NULL) wasmtime_error_delete(error);
        return trap != NULL ? trap : wasmtime_trap_new(NULL, 0);
    }
}
