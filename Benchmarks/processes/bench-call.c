// blocking|handler COUNT: calls a server of the SDK's: monitor with an alias, request, reply or DOWN, demonitor.
#include <bulkhead.h>

#include "processes.h"

static int32_t on_call(void *state, struct bulkhead_request *request) {
    (void)state;
    must("reply", bulkhead_reply(request, request->data, request->length));
    return 0;
}

static void serve(void) {
    static const struct bulkhead_server echo = {.call = on_call};
    bulkhead_serve(&echo);
}

int main(int argc, char **argv) {
    char **word = words(argc, argv, 2);
    uint64_t count = number(word[1]), begin = 0;
    uint32_t server = start(serve, word[0][0] == 'h' ? BULKHEAD_SPAWN_HANDLER : 0, 0, 0, 0);
    enum { warm_ups = 1000 };
    for (uint64_t i = 0; i < count + warm_ups; i++) {
        if (i == warm_ups) begin = now();
        uint64_t answer = ~i;
        struct bulkhead_message message;
        must("call", bulkhead_call(server, &i, sizeof i, &answer, sizeof answer, &message, 5 * BULKHEAD_SECONDS));
        if (answer != i) failed("a reply to another call", BULKHEAD_IO);
    }
    figure("call", now() - begin, count);
}
