// Random calls of every function of the host interface, with arguments near the edges. Nothing but errnos may come of it: the
// children that make the calls may end as they like, but never by the host's failure, and the program goes on.
#include "processes.h"

static uint64_t state;

static uint64_t next(void) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

static uint32_t memory_end(void) { return (uint32_t)__builtin_wasm_memory_size(0) << 16; }

// A page that random structures lie in and that random answers are written to.
static uint8_t page[4096];

static uint32_t number(void) {
    static const uint32_t edges[] = {0, 1, 2, 3, 4, 7, 8, 63, 64, 65, 255, 256, 4096, 4097, 65535, 65536, 0x7fffffff, 0x80000000, 0xfffffff0, 0xffffffff};
    switch (next() % 4) {
    case 0: return edges[next() % (sizeof edges / sizeof edges[0])];
    case 1: return (uint32_t)next() % 16;
    default: return (uint32_t)next() % 100;
    }
}

static uint32_t pointer(void) {
    switch (next() % 8) {
    case 0: return memory_end() - (uint32_t)next() % 80;
    case 1: return number();
    case 2: return 0xffffffff - (uint32_t)next() % 80;
    default: return (uint32_t)(uintptr_t)page + (uint32_t)next() % sizeof page;
    }
}

// Mostly small, so that structures are often right.
static void scramble(void) {
    for (uint32_t index = 0; index < sizeof page; index += 4) {
        uint32_t word = next() % 3 ? number() : pointer();
        memcpy(page + index, &word, 4);
    }
}

// What spawn may mean by something: the rest of the page stays as it is.
static const struct bulkhead_options *options(void) {
    static struct bulkhead_options made;
    made = (struct bulkhead_options){.flags = (uint32_t)next() % 9, .entry = (uint32_t)next() % 40};
    if (next() % 2) {
        made.argument = (void *)(uintptr_t)pointer();
        made.argument_length = number();
    }
    if (next() % 3 == 0) {
        made.handles = (void *)(uintptr_t)pointer();
        made.handle_count = (uint32_t)next() % 4;
    }
    if (next() % 3 == 0) made.without = (uint32_t)next() % 257;
    if (next() % 3 == 0) {
        made.limits = (void *)(uintptr_t)pointer();
        made.limit_count = (uint32_t)next() % 4;
    }
    if (next() % 8 == 0) {
        made.module = (void *)(uintptr_t)pointer();
        made.module_length = number();
    }
    if (next() % 8 == 0) {
        made.policy = (void *)(uintptr_t)pointer();
        made.policy_length = number();
    }
    return next() % 4 ? &made : (void *)(uintptr_t)pointer();
}

#define P ((void *)(uintptr_t)pointer())
#define N number()

static int32_t one(void) {
    uint64_t tag = next() % 4 ? next() % 8 : next();
    int64_t moment = (int64_t)(next() % 100000);
    switch (next() % 24) {
    case 0: return bulkhead_host_send(N, tag, P, N, P, N);
    case 1: return bulkhead_host_send(N, tag, page, N % 64, (void *)page, (uint32_t)next() % 3);
    case 2: return bulkhead_host_send_wait(N, tag, P, N, P, N, moment);
    case 3: return bulkhead_host_receive(P, N, P, N, P, N, P);
    case 4: return bulkhead_host_receive_wait(P, N, P, N, P, N, P, moment);
    case 5: return bulkhead_host_link(N);
    case 6: return bulkhead_host_unlink(N);
    case 7: return bulkhead_host_monitor(N, N % 3, P);
    case 8: return bulkhead_host_demonitor(N, N % 3);
    case 9: return bulkhead_host_alias(P);
    case 10: return next() % 64 ? bulkhead_host_exit(N + 3, P, N) : bulkhead_host_exit(N, P, N);
    case 11: return bulkhead_host_exit_process(1 + N, N, P, N);
    case 12: return bulkhead_host_trap_exit(N);
    case 13: return bulkhead_host_spawn(options(), P);
    case 14: return bulkhead_host_argument(P, N, P, N, P);
    case 15: return bulkhead_host_process_id(N, P);
    case 16: return bulkhead_host_alive(N);
    case 17: return bulkhead_host_handle_close(N);
    case 18: return bulkhead_host_handle_duplicate(N, P);
    case 19: return bulkhead_host_register(P, N % 300, N);
    case 20: return bulkhead_host_unregister(P, N % 300);
    case 21: return bulkhead_host_whereis(P, N % 300, P);
    case 22: return bulkhead_host_sleep(moment);
    default: return bulkhead_host_socket_address((int32_t)N, N, P, N, P);
    }
}

static void hostile(void) {
    struct bulkhead_message message;
    if (bulkhead_host_argument(&state, 8, 0, 0, &message) != 0) __builtin_trap();
    for (uint32_t turn = 0; turn < 400; turn++) {
        if (turn % 8 == 0) scramble();
        int32_t error = one();
        if (error < 0 || error > 76) __wasi_proc_exit(200);
    }
}

__attribute__((export_name("bulkhead_message"))) int32_t bulkhead_message(void) {
    state = 88172645463325252u ^ (uint64_t)(uintptr_t)&bulkhead_message;
    for (uint32_t turn = 0; turn < 20; turn++) one();
    return (int32_t)(next() % 2);
}

int main(int count, char **words) {
    uint64_t seed = 0, calls = 0, bad = 0, ended[12] = {0};
    if (count > 1) seed = strtoull(words[1], 0, 10);
    uint64_t rounds = count > 2 ? strtoull(words[2], 0, 10) : 100;
    if (seed == 0) REQUIRE(0, __wasi_random_get((uint8_t *)&seed, sizeof seed));
    say("seed ");
    say(decimal(seed));
    say("\n");
    struct bulkhead_limit limits[] = {{.limit = BULKHEAD_LIMIT_WALL, .value = 2 * BULKHEAD_SECONDS}, {.limit = BULKHEAD_LIMIT_PROCESSES, .value = 30},
                                      {.limit = BULKHEAD_LIMIT_FDS, .value = 100}, {.limit = BULKHEAD_LIMIT_MEMORY, .value = 16 << 20}};
    for (uint64_t round = 0; round < rounds; round++) {
        uint64_t own = seed + round * 0x9e3779b97f4a7c15u | 1;
        struct bulkhead_child child = start_with(
            hostile, (struct bulkhead_options){.flags = BULKHEAD_SPAWN_MONITOR, .argument = &own, .argument_length = 8, .limits = limits, .limit_count = 4});
        uint8_t payload[8192];
        uint64_t tag = BULKHEAD_DOWN_TAG(child.monitor);
        take(&tag, 1, payload, sizeof payload);
        struct bulkhead_reason reason;
        memcpy(&reason, payload, sizeof reason);
        ended[reason.kind % 12]++;
        calls += 400;
        if (reason.kind == BULKHEAD_HOST_FAILURE || (reason.kind == BULKHEAD_EXIT_CODE && reason.code == 200)) {
            bad++;
            say("round ");
            say(decimal(own));
            say(reason.kind == BULKHEAD_HOST_FAILURE ? ": host failure\n" : ": no errno\n");
        }
        REQUIRE(0, bulkhead_host_handle_close(child.process));
    }
    EXPECT("never the host's failure", 0, bad);
    EXPECT("some ended by themselves", 1, ended[BULKHEAD_NORMAL] > 0);
    bulkhead_host_sleep(5 * BULKHEAD_MILLISECONDS);
    EXPECT("the program goes on", 0, bulkhead_host_send(0, 1, "x", 1, 0, 0));
    EXPECT("and receives", 1, take((uint64_t[]){1}, 1, page, 1).tag);
    say("calls ");
    say(decimal(calls));
    say("\ndone\n");
}
