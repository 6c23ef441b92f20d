// Ours, beside libwasmtime's: what Swift cannot do about host calls. CWasmtime.h includes it.
#ifndef BULKHEAD_HOSTCALLS_H
#define BULKHEAD_HOSTCALLS_H

// Whose memory account pays on this thread. Swift has no thread-local storage.
extern _Thread_local void *bulkhead_account __attribute__((tls_model("initial-exec")));

static inline void *bulkhead_account_get(void) { return bulkhead_account; }

static inline void bulkhead_account_set(void *account) { bulkhead_account = account; }

// A small number for each thread, from 1; never given twice.
extern _Thread_local uint32_t bulkhead_thread __attribute__((tls_model("initial-exec")));
uint32_t bulkhead_number_thread(void);

static inline uint32_t bulkhead_thread_number(void) {
    return bulkhead_thread != 0 ? bulkhead_thread : bulkhead_number_thread();
}

// The lowest address of this thread's stack; the highest there is where that cannot be found out. The first use by the main
// thread reads a file of /proc.
extern _Thread_local uintptr_t bulkhead_stack_floor __attribute__((tls_model("initial-exec")));
uintptr_t bulkhead_find_stack_floor(void);

// Whether so many bytes of stack are left below the caller.
static inline bool bulkhead_has_stack(size_t bytes) {
    uintptr_t floor = bulkhead_stack_floor != 0 ? bulkhead_stack_floor : bulkhead_find_stack_floor();
    uintptr_t here = (uintptr_t)__builtin_frame_address(0);
    return here > floor && here - floor >= bytes;
}

// Pages that this thread has made present without reading a disk (getrusage(2), ru_minflt), since it began.
int64_t bulkhead_thread_faults(void);

// Reads `count` entries of /proc/self/pagemap from the one of the page at `address` on; false when it cannot.
bool bulkhead_read_pagemap(int descriptor, uintptr_t address, uint64_t *entries, size_t count);

// Defined in Swift (HostFunction). One attempt at the host call `env`; true when it is over, with the trap that ends the
// guest, if any. False when it must wait: the last argument is then what to call to put the fiber aside.
bool bulkhead_attempt(
    void *env, wasmtime_caller_t *, wasmtime_val_raw_t *, size_t, wasm_trap_t **, const wasmtime_func_t **);

// A host call that may wait: attempts it, with the fiber put aside between attempts. In C because its frame stays on the
// fiber meanwhile, and Swift keeps account of frames by thread. To be defined in a linker as an unchecked function.
wasm_trap_t *bulkhead_call_waiting(void *env, wasmtime_caller_t *, wasmtime_val_raw_t *, size_t);

#endif
