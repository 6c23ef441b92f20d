// blocking|handler SPINNERS ROUNDS: while so many processes spin, how late a sleeper wakes, and how long a message takes to another
// process and back.
#include <bulkhead.h>

#include "processes.h"

static void spin(void) {
    for (volatile uint64_t i = 0;; i++) {}
}

static int32_t on_message(void) {
    spin();
    return 0;
}

static void spin_on_message(void) { bulkhead_on_message(on_message); }

static void pong(void) {
    uint32_t ping;
    started_with(&ping);
    for (;;) tell(ping, hear());
}

enum { most = 10000 };
static uint64_t samples[most];

static int rising(const void *left, const void *right) {
    uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;
    return (a > b) - (a < b);
}

static void report(const char *p50, const char *p99, const char *worst, uint32_t count) {
    qsort(samples, count, sizeof samples[0], rising);
    line(p50, samples[count / 2]);
    line(p99, samples[count * 99 / 100]);
    line(worst, samples[count - 1]);
}

int main(int argc, char **argv) {
    char **word = words(argc, argv, 3);
    int handlers = word[0][0] == 'h';
    uint32_t spinners = (uint32_t)number(word[1]), rounds = (uint32_t)number(word[2]);
    if (rounds > most) rounds = most;
    for (uint32_t i = 0; i < spinners; i++) {
        uint32_t spinner = start(handlers ? spin_on_message : spin, handlers ? BULKHEAD_SPAWN_HANDLER : 0, 0, 0, 0);
        if (handlers) tell(spinner, 0);
    }
    bulkhead_sleep(200000000);
    for (uint32_t i = 0; i < rounds; i++) {
        enum { asked = 2000000 };
        uint64_t begin = now();
        bulkhead_sleep(asked);
        uint64_t slept = now() - begin;
        samples[i] = slept > asked ? slept - asked : 0;
    }
    report("late-p50-ns", "late-p99-ns", "late-max-ns", rounds);
    struct bulkhead_handle self = process(BULKHEAD_SELF);
    uint32_t other = start(pong, 0, 0, &self, 1);
    for (uint32_t i = 0; i < rounds; i++) {
        uint64_t begin = now();
        tell(other, i);
        hear();
        samples[i] = now() - begin;
        bulkhead_sleep(500000);
    }
    report("trip-p50-ns", "trip-p99-ns", "trip-max-ns", rounds);
}
