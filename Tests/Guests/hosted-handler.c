// build: -mexec-model=reactor
// A supervised child that handles messages: it answers calls, and looks up what it may not once it is asked for the first time.
#include "processes.h"

#define ANSWER(n) (1ull << 62 | 2ull << 56 | (uint32_t)(n))

static int asked;

__attribute__((constructor)) static void begin(void) { REQUIRE(0, bulkhead_host_start_ack(0, "", 0)); }

__attribute__((export_name("bulkhead_message"))) int32_t handle(void) {
    static uint8_t buffer[8192];
    struct bulkhead_handle handles[4];
    struct bulkhead_message message;
    if (bulkhead_host_receive(0, 0, buffer, sizeof buffer, handles, 4, &message) != 0) return 0;
    uint32_t found;
    if (!asked++) (void)!bulkhead_host_whereis("a", 1, &found);
    if (message.handle_count == 1) {
        (void)!bulkhead_host_send(handles[0].value, ANSWER(message.tag), buffer, message.length, 0, 0);
        (void)!bulkhead_host_handle_close(handles[0].value);
    }
    return 0;
}
