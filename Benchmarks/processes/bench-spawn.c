// one COUNT: starts a process and waits for its end, COUNT times. flood COUNT SPAWNERS: starts COUNT as fast as can be, from so
// many processes, and waits until all are gone.
#include <bulkhead.h>

#include "processes.h"

static void nothing(void) {}

static void one_at_a_time(uint64_t count) {
    uint64_t begin = now();
    for (uint64_t i = 0; i < count; i++) {
        struct bulkhead_child child = start_child(nothing, BULKHEAD_SPAWN_MONITOR, 0, 0, 0);
        await_down(child.monitor);
        bulkhead_host_handle_close(child.process);
    }
    figure("spawn-exit", now() - begin, count);
}

// Children whose handles are still held. A handle is all that tells whether its process is gone, so they are kept for a while;
// so many may live at once.
enum { window = 16384 };
static uint32_t held[window];

static void let_go(uint32_t slot) {
    if (held[slot] == 0) return;
    while (bulkhead_host_alive(held[slot]) == 0) bulkhead_sleep(0);
    bulkhead_host_handle_close(held[slot]);
    held[slot] = 0;
}

static void flood(void) {
    uint64_t count = started_with(0);
    for (uint64_t i = 0; i < count; i++) {
        uint32_t slot = i % window;
        let_go(slot);
        held[slot] = start(nothing, 0, 0, 0, 0);
    }
    for (uint32_t slot = 0; slot < window; slot++) let_go(slot);
}

int main(int argc, char **argv) {
    char **word = words(argc, argv, 2);
    uint64_t count = number(word[1]);
    if (word[0][0] == 'o') {
        one_at_a_time(count);
        return 0;
    }
    enum { most = 64 };
    struct bulkhead_child started[most];
    uint32_t spawners = argc > 3 ? (uint32_t)number(word[2]) : 1;
    if (spawners > most) spawners = most;
    uint64_t begin = now();
    for (uint32_t i = 0; i < spawners; i++) started[i] = start_child(flood, BULKHEAD_SPAWN_MONITOR, count / spawners, 0, 0);
    for (uint32_t i = 0; i < spawners; i++) await_down(started[i].monitor);
    figure("flood", now() - begin, count);
}
