// Twenty thousand processes that sleep 100 ms in a loop. After each ten naps a process says so, and the first one
// counts.
#include <bulkhead.h>
#include <stdio.h>

enum { COUNT = 20000 };

static void sleeper(void) {
    uint32_t parent = bulkhead_take_process();
    for (;;) {
        for (int i = 0; i < 10; i++) bulkhead_sleep(100 * BULKHEAD_MILLISECONDS);
        if (bulkhead_send(parent, 0, NULL, 0) != 0) return;
    }
}

int main(void) {
    struct bulkhead_handle self = {.kind = BULKHEAD_PROCESS, .value = BULKHEAD_SELF};
    for (int i = 0; i < COUNT; i++) {
        struct bulkhead_options options = {.handles = &self, .handle_count = 1};
        struct bulkhead_child child;
        int32_t error = bulkhead_spawn_with(sleeper, &options, &child);
        if (error != 0) return printf("spawn: errno %d\n", error), 1;
        bulkhead_host_handle_close(child.process);
    }
    for (int second = 1; second <= 3; second++) {
        struct bulkhead_message message;
        for (int i = 0; i < COUNT; i++) bulkhead_receive(NULL, 0, &message);
        printf("%d processes have slept %d times each\n", COUNT, second * 10);
        fflush(stdout);
    }
    return 0;
}
