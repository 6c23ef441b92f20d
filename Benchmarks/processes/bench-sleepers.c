// COUNT SECONDS: COUNT processes sleep 100 ms in a loop. What that costs is for an observer to read between `measuring` and the
// `wakeups`, which one process in 200 reports.
#include <bulkhead.h>

#include "processes.h"

enum { period = 100000000, reporting = 200 };

static void sleeper(void) {
    uint32_t parent;
    uint64_t offset = started_with(&parent);
    // The lowest bit says whether to report; offsets are what spreads the wake-ups over the period.
    bulkhead_sleep((int64_t)offset);
    for (;;) {
        bulkhead_sleep(period);
        if (offset & 1) tell(parent, 0);
    }
}

// Receives reports for so long and counts them.
static uint64_t count_for(uint64_t nanoseconds) {
    uint64_t end = now() + nanoseconds, counted = 0;
    for (;;) {
        uint64_t time = now(), value;
        struct bulkhead_message message;
        if (time >= end) return counted;
        int32_t error =
            bulkhead_receive_select(0, 0, &value, sizeof value, 0, 0, &message, (int64_t)(end - time));
        if (error == 0)
            counted++;
        else if (error != BULKHEAD_TIMEDOUT)
            failed("receive", error);
    }
}

int main(int argc, char **argv) {
    char **word = words(argc, argv, 2);
    uint64_t count = number(word[0]), seconds = number(word[1]), random = 88172645463325252ull;
    struct bulkhead_handle self = process(BULKHEAD_SELF);
    for (uint64_t i = 0; i < count; i++) {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        bulkhead_host_handle_close(start(sleeper, 0, (random % period & ~1ull) | (i % reporting == 0), &self, 1));
    }
    count_for(3000000000);
    say("measuring\n");
    uint64_t begin = now(), counted = count_for(seconds * 1000000000);
    line("wakeups", counted * reporting);
    line("window-ns", now() - begin);
}
