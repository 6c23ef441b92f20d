// blocking|handler COUNT SECONDS: starts COUNT processes that wait for a message, and holds them. The memory
// is for an observer to read: between `baseline` and `starting` without them, after `waiting` with them.
#include <bulkhead.h>

#include "processes.h"

static void wait_for_ever(void) { hear(); }

static int32_t on_message(void) { return 1; }

static void be_idle(void) { bulkhead_on_message(on_message); }

// Started last. Some before it may not have had their turn yet when it runs: an observer sees when the cell is idle.
static void last(void) {
    uint32_t parent;
    started_with(&parent);
    tell(parent, 1);
    hear();
}

int main(int argc, char **argv) {
    char **word = words(argc, argv, 3);
    int handlers = word[0][0] == 'h';
    uint64_t count = number(word[1]), seconds = number(word[2]);
    say("baseline\n");
    bulkhead_sleep(1500000000);
    say("starting\n");
    for (uint64_t i = 1; i < count; i++)
        bulkhead_host_handle_close(
            start(handlers ? be_idle : wait_for_ever, handlers ? BULKHEAD_SPAWN_HANDLER : 0, 0, 0, 0));
    struct bulkhead_handle self = process(BULKHEAD_SELF);
    uint32_t final = start(last, 0, 0, &self, 1);
    hear();
    say("waiting\n");
    bulkhead_sleep((int64_t)seconds * BULKHEAD_SECONDS);
    // One of them can still be spoken to: they are processes, not leftovers.
    line("alive", bulkhead_host_alive(final) == 0);
}
