// What servers and calls promise, on both kinds of process.
#include <bulkhead.h>

#include "sdk.h"

#define MS BULKHEAD_MILLISECONDS

enum { ADD, LATE, CRASH, STOP, LARGE, DEFER, NESTED };

static uint64_t counter;
static int32_t ask(uint32_t server, uint64_t what, uint64_t *count, int64_t timeout);
static struct bulkhead_caller waiting;

static int32_t call(void *state, struct bulkhead_request *request) {
    uint64_t *count = state;
    const uint64_t *asked = request->data;
    static uint8_t large[70000];
    switch (request->length == 0 ? ADD : asked[0]) {
    case LATE:
        bulkhead_sleep(60 * MS);
        break;
    case NESTED: {
        // Calls itself while others call.
        uint64_t other;
        ask(request->handles[0].value, LATE, &other, BULKHEAD_FOREVER);
        break;
    }
    case CRASH: __builtin_trap();
    case STOP: return 1;
    case LARGE: return bulkhead_reply(request, large, sizeof large);
    case DEFER: waiting = bulkhead_later(request); return 0;
    }
    *count += 1;
    bulkhead_reply(request, count, sizeof *count);
    return 0;
}

static int32_t cast(void *state, struct bulkhead_request *request) {
    uint64_t *count = state;
    *count += *(const uint64_t *)request->data;
    return 0;
}

// A message of our own answers the call that was put off.
static int32_t info(void *state, struct bulkhead_request *request) {
    uint64_t *count = state;
    *count += 1000;
    if (request->message->tag == 77) bulkhead_answer(waiting, count, sizeof *count);
    return 0;
}

static void serve(void) {
    static struct bulkhead_server server = {.state = &counter, .call = call, .cast = cast, .info = info};
    bulkhead_serve(&server);
}

static struct bulkhead_message answer;
static struct {
    struct bulkhead_reason head;
    char text[4000];
} reason;

static int32_t ask(uint32_t server, uint64_t what, uint64_t *count, int64_t timeout) {
    return bulkhead_call(server, &what, sizeof what, count, sizeof *count, &answer, timeout);
}

static int32_t dies(uint32_t server, uint64_t what) {
    return bulkhead_call(server, &what, sizeof what, &reason, sizeof reason, &answer, BULKHEAD_FOREVER);
}

// Calls with DEFER and sends what it hears to its parent.
static void put_off(void) {
    struct bulkhead_handle handles[2];
    struct bulkhead_message message;
    bulkhead_host_argument(0, 0, handles, 2, &message);
    uint64_t count = 0;
    ask(handles[0].value, DEFER, &count, BULKHEAD_FOREVER);
    bulkhead_send(handles[1].value, 5, &count, sizeof count);
}

// Has the first server call the second.
static void nest(void) {
    struct bulkhead_handle handles[2];
    struct bulkhead_message message;
    bulkhead_host_argument(0, 0, handles, 2, &message);
    uint64_t what = NESTED;
    bulkhead_send_handles(handles[0].value, BULKHEAD_CALL_TAG | 1, &what, sizeof what, (struct bulkhead_handle[]){
        handles[1], {BULKHEAD_PROCESS, 0, BULKHEAD_SELF}}, 2, BULKHEAD_FOREVER);
}

static void kind(uint32_t flags) {
    struct bulkhead_options options = {.flags = flags};
    struct bulkhead_child server = {0};
    bulkhead_spawn_with(serve, &options, &server);
    uint64_t count = 0, number = 10;
    expect("call", ask(server.process, ADD, &count, BULKHEAD_FOREVER) == 0 && count == 1 && answer.length == 8);
    bulkhead_cast(server.process, &number, sizeof number);
    expect("cast", ask(server.process, ADD, &count, 5 * BULKHEAD_SECONDS) == 0 && count == 12);
    bulkhead_send(server.process, 1, &number, sizeof number);
    expect("info", ask(server.process, ADD, &count, BULKHEAD_FOREVER) == 0 && count == 1013);
    expect("call-timeout", ask(server.process, LATE, &count, 5 * MS) == BULKHEAD_TIMEDOUT);
    bulkhead_sleep(100 * MS);
    struct bulkhead_message message;
    expect("late-reply", bulkhead_receive_select(0, 0, &number, 8, 0, 0, &message, 0) == BULKHEAD_TIMEDOUT);
    expect("large-reply", ask(server.process, LARGE, &count, BULKHEAD_FOREVER) == BULKHEAD_MSGSIZE);
    static uint64_t large[1000];
    bool good = bulkhead_call(server.process, large, sizeof large, &count, 8, &answer, BULKHEAD_FOREVER) == 0;
    expect("large-request", good && count == 1015);
    struct bulkhead_handle both[2] = {{BULKHEAD_PROCESS, 0, server.process}, {BULKHEAD_PROCESS, 0, BULKHEAD_SELF}};
    struct bulkhead_options deferred = {.handles = both, .handle_count = 2};
    struct bulkhead_child child;
    bulkhead_spawn_with(put_off, &deferred, &child);
    bulkhead_sleep(30 * MS);
    bulkhead_send(server.process, 77, 0, 0);
    good = bulkhead_receive(&count, sizeof count, &message) == 0;
    expect("deferred-reply", good && message.tag == 5 && count == 2015);
    struct bulkhead_child second = {0};
    bulkhead_spawn_with(serve, &options, &second);
    both[1].value = second.process;
    struct bulkhead_options nested = {.handles = both, .handle_count = 2};
    bulkhead_spawn_with(nest, &nested, &child);
    bulkhead_sleep(20 * MS);
    good = ask(server.process, ADD, &count, 2 * BULKHEAD_SECONDS) == 0;
    expect("nested-call", good && count == 2017);
    expect("stop", dies(server.process, STOP) == BULKHEAD_SRCH && reason.head.kind == BULKHEAD_NORMAL);
    expect("call-dead", dies(server.process, ADD) == BULKHEAD_SRCH && reason.head.kind == BULKHEAD_NOPROC);
    bulkhead_spawn_with(serve, &options, &server);
    expect("callee-dies", dies(server.process, CRASH) == BULKHEAD_SRCH && reason.head.kind == BULKHEAD_TRAP);
    expect("nothing-left", bulkhead_receive_select(0, 0, &reason, sizeof reason, 0, 0, &message, 0) == BULKHEAD_TIMEDOUT);
}

// A handler without a server: counts, and answers the third.
static int32_t third(void) {
    static uint64_t seen;
    struct bulkhead_handle from;
    struct bulkhead_message message;
    bulkhead_receive_select(0, 0, 0, 0, &from, 1, &message, 0);
    seen++;
    if (seen == 3) bulkhead_send(from.value, 9, &seen, sizeof seen);
    bulkhead_host_handle_close(from.value);
    return seen == 3;
}

static void handler(void) { bulkhead_on_message(third); }

int main(void) {
    kind(0);
    kind(BULKHEAD_SPAWN_HANDLER);
    uint64_t count = 0;
    expect("call-self", ask(BULKHEAD_SELF, ADD, &count, BULKHEAD_FOREVER) == 16);
    struct bulkhead_options options = {.flags = BULKHEAD_SPAWN_HANDLER | BULKHEAD_SPAWN_MONITOR};
    struct bulkhead_child child = {0};
    bulkhead_spawn_with(handler, &options, &child);
    struct bulkhead_handle self = {.kind = BULKHEAD_PROCESS};
    for (int i = 0; i < 3; i++) bulkhead_send_handles(child.process, 0, 0, 0, &self, 1, BULKHEAD_FOREVER);
    struct bulkhead_message message;
    uint64_t tag = 9;
    bulkhead_receive_select(&tag, 1, &count, sizeof count, 0, 0, &message, BULKHEAD_FOREVER);
    expect("handler", count == 3);
    bulkhead_receive(&reason, sizeof reason, &message);
    expect("handler-ends", message.kind == BULKHEAD_DOWN && reason.head.kind == BULKHEAD_NORMAL);
    return finish();
}
