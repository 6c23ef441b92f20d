// Our own declarations of the part of libwasmtime's C ABI that WasmEngine uses. Only WasmEngine imports this.
#ifndef BULKHEAD_CWASMTIME_H
#define BULKHEAD_CWASMTIME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#endif
