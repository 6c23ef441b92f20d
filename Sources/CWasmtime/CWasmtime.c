// The C behind HostCalls.h.
#include "CWasmtime.h"

_Thread_local void *bulkhead_account __attribute__((tls_model("initial-exec")));

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
