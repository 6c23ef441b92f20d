// build: -mexec-model=reactor
// A reactor: no main, functions to call. `count` keeps state between calls; `greet` prints.
#include "guest.h"

#define EXPORT(name) __attribute__((export_name(name)))

static int32_t calls;

__attribute__((constructor)) static void prepare(void) { calls = 100; }

EXPORT("add") int32_t add(int32_t left, int32_t right) { return (int32_t)((uint32_t)left + (uint32_t)right); }
EXPORT("add64") int64_t add64(int64_t left, int64_t right) { return (int64_t)((uint64_t)left + (uint64_t)right); }
EXPORT("half") double half(double value) { return value / 2; }
EXPORT("count") int32_t count(void) { return ++calls; }
EXPORT("greet") void greet(void) { say("greetings\n"); }
EXPORT("fail") void fail(void) { __builtin_trap(); }
