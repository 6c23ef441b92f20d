// Messages: every answer of send, send_wait, receive and receive_wait, order, selection, bounds.
#include "processes.h"

static void nothing(void) {}

static void forever(void) { bulkhead_host_sleep(-1); }

// Answers each number with the next, until 0.
static void counting(void) {
    uint32_t back = parent();
    for (;;) {
        uint64_t number;
        struct bulkhead_message message = take(0, 0, &number, sizeof number);
        if (number == 0) return;
        number++;
        REQUIRE(0, bulkhead_host_send(back, message.tag, &number, sizeof number, 0, 0));
    }
}

// Takes everything, slowly enough that its mailbox has been full.
static void draining(void) {
    uint32_t back = parent();
    bulkhead_host_sleep(20 * BULKHEAD_MILLISECONDS);
    uint64_t count = 0;
    for (;;) {
        uint8_t byte;
        struct bulkhead_message message = take(0, 0, &byte, 1);
        if (message.tag == 9) break;
        count++;
    }
    REQUIRE(0, bulkhead_host_send(back, 1, &count, sizeof count, 0, 0));
}

static void to_oneself(void) {
    uint8_t buffer[64] = {0};
    struct bulkhead_message message = {0};
    EXPECT("receive nothing", BULKHEAD_AGAIN, bulkhead_host_receive(0, 0, buffer, 64, 0, 0, &message));
    EXPECT("send to oneself", 0, bulkhead_host_send(0, 7, "hello", 5, 0, 0));
    EXPECT("receive it", 0, bulkhead_host_receive(0, 0, buffer, 64, 0, 0, &message));
    EXPECT("its bytes", 0, memcmp(buffer, "hello", 6));
    EXPECT("its tag", 7, message.tag);
    EXPECT("its length", 5, message.length);
    EXPECT("its kind", BULKHEAD_DATA, message.kind);
    EXPECT("its handles", 0, message.handle_count + message.monitor);
    uint64_t id = 0;
    EXPECT("process_id", 0, bulkhead_host_process_id(0, &id));
    EXPECT("its sender", id, message.process);
    EXPECT("it is gone", BULKHEAD_AGAIN, bulkhead_host_receive(0, 0, buffer, 64, 0, 0, &message));
    EXPECT("an empty message", 0, bulkhead_host_send(0, 1, 0, 0, 0, 0));
    EXPECT("is received", 0, bulkhead_host_receive(0, 0, 0, 0, 0, 0, &message));
    EXPECT("and is empty", 0, message.length);
}

static void selection(void) {
    for (uint64_t tag = 1; tag <= 4; tag++) REQUIRE(0, bulkhead_host_send(0, tag, &tag, 8, 0, 0));
    uint64_t number = 0;
    uint64_t tags[] = {9, 3};
    EXPECT("the tag that is asked for", 3, take(tags, 2, &number, 8).tag);
    uint64_t none[] = {9};
    struct bulkhead_message message;
    EXPECT("no such tag", BULKHEAD_AGAIN, bulkhead_host_receive(none, 1, &number, 8, 0, 0, &message));
    EXPECT("the oldest of several", 1, take((uint64_t[]){4, 2, 1}, 3, &number, 8).tag);
    EXPECT("the oldest of all", 2, take(0, 0, &number, 8).tag);
    EXPECT("what is left", 4, take(0, 0, &number, 8).tag);
    REQUIRE(0, bulkhead_host_send(0, 5, "longer than it", 14, 0, 0));
    EXPECT("too little room", BULKHEAD_MSGSIZE, bulkhead_host_receive(0, 0, &number, 8, 0, 0, &message));
    EXPECT("the size is told", 14, message.length);
    uint8_t room[14];
    EXPECT("it has stayed", 0, bulkhead_host_receive(0, 0, room, 14, 0, 0, &message));
}

static void timeouts(void) {
    struct bulkhead_message message;
    uint8_t byte;
    EXPECT("no time to wait", BULKHEAD_TIMEDOUT, bulkhead_host_receive_wait(0, 0, &byte, 1, 0, 0, &message, 0));
    EXPECT("a millisecond", BULKHEAD_TIMEDOUT,
           bulkhead_host_receive_wait(0, 0, &byte, 1, 0, 0, &message, BULKHEAD_MILLISECONDS));
    REQUIRE(0, bulkhead_host_send(0, 3, 0, 0, 0, 0));
    EXPECT("another tag is not waited for", BULKHEAD_TIMEDOUT,
           bulkhead_host_receive_wait((uint64_t[]){4}, 1, &byte, 1, 0, 0, &message, BULKHEAD_MILLISECONDS));
    EXPECT("one that is there", 0, bulkhead_host_receive_wait(0, 0, &byte, 1, 0, 0, &message, -1));
    EXPECT("sleep", 0, bulkhead_host_sleep(BULKHEAD_MILLISECONDS));
    EXPECT("sleep no time", 0, bulkhead_host_sleep(0));
}

static void refusals(void) {
    struct bulkhead_message message;
    struct bulkhead_handle handles[65] = {0};
    uint64_t tags[65] = {0};
    EXPECT("a handle that is not open", BULKHEAD_BADF, bulkhead_host_send(77, 1, 0, 0, 0, 0));
    EXPECT("a handle beyond all", BULKHEAD_BADF, bulkhead_host_send(0xffffffffu, 1, 0, 0, 0, 0));
    EXPECT("a reserved tag", BULKHEAD_INVAL, bulkhead_host_send(0, BULKHEAD_DOWN_TAG(1), 0, 0, 0, 0));
    EXPECT("bytes nowhere", BULKHEAD_FAULT, bulkhead_host_send(0, 1, NOWHERE, 64, 0, 0));
    EXPECT("bytes without end", BULKHEAD_FAULT, bulkhead_host_send(0, 1, 0, 0xffffffffu, 0, 0));
    EXPECT("handles nowhere", BULKHEAD_FAULT, bulkhead_host_send(0, 1, 0, 0, NOWHERE, 2));
    EXPECT("too many handles", BULKHEAD_INVAL, bulkhead_host_send(0, 1, 0, 0, handles, 65));
    handles[0].kind = 2;
    EXPECT("an unknown kind of handle", BULKHEAD_INVAL, bulkhead_host_send(0, 1, 0, 0, handles, 1));
    handles[0] = (struct bulkhead_handle){.flags = 2};
    EXPECT("an unknown flag of a handle", BULKHEAD_INVAL, bulkhead_host_send(0, 1, 0, 0, handles, 1));
    handles[0] = (struct bulkhead_handle){.flags = BULKHEAD_MOVE};
    EXPECT("oneself cannot be moved", BULKHEAD_INVAL, bulkhead_host_send(0, 1, 0, 0, handles, 1));
    handles[0] = (struct bulkhead_handle){.value = 77};
    EXPECT("a handle to send that is not open", BULKHEAD_BADF, bulkhead_host_send(0, 1, 0, 0, handles, 1));
    handles[0] = (struct bulkhead_handle){.kind = BULKHEAD_DESCRIPTOR, .value = 77};
    EXPECT("a descriptor to send that is not open", BULKHEAD_BADF, bulkhead_host_send(0, 1, 0, 0, handles, 1));
    EXPECT("too many tags", BULKHEAD_INVAL, bulkhead_host_receive(tags, 65, 0, 0, 0, 0, &message));
    EXPECT("tags nowhere", BULKHEAD_FAULT, bulkhead_host_receive(NOWHERE, 3, 0, 0, 0, 0, &message));
    EXPECT("a buffer nowhere", BULKHEAD_FAULT, bulkhead_host_receive(0, 0, NOWHERE, 64, 0, 0, &message));
    EXPECT("room for handles nowhere", BULKHEAD_FAULT, bulkhead_host_receive(0, 0, 0, 0, NOWHERE, 4, &message));
    EXPECT("room for 2^32 handles", BULKHEAD_FAULT, bulkhead_host_receive(0, 0, 0, 0, 0, 0xffffffffu, &message));
    EXPECT("a message nowhere", BULKHEAD_FAULT, bulkhead_host_receive(0, 0, 0, 0, 0, 0, NOWHERE));
    EXPECT("wait with a buffer nowhere", BULKHEAD_FAULT, bulkhead_host_receive_wait(0, 0, NOWHERE, 64, 0, 0, &message, -1));
    EXPECT("nothing of that came", BULKHEAD_AGAIN, bulkhead_host_receive(0, 0, 0, 0, 0, 0, &message));
}

static void conversation(void) {
    struct bulkhead_child child = start_child(counting, BULKHEAD_SPAWN_MONITOR);
    uint64_t wrong = 0;
    for (uint64_t number = 1; number <= 2000; number += 2) {
        uint64_t answer = number;
        REQUIRE(0, bulkhead_host_send(child.process, number, &answer, 8, 0, 0));
        wrong += take(0, 0, &answer, 8).tag != number || answer != number + 1;
    }
    EXPECT("a thousand answers", 0, wrong);
    for (uint64_t number = 1; number <= 100; number++) REQUIRE(0, bulkhead_host_send(child.process, number, &number, 8, 0, 0));
    wrong = 0;
    for (uint64_t number = 1; number <= 100; number++) {
        uint64_t answer;
        wrong += take(0, 0, &answer, 8).tag != number;
    }
    EXPECT("in the order of the questions", 0, wrong);
    uint64_t end = 0;
    REQUIRE(0, bulkhead_host_send(child.process, 1, &end, 8, 0, 0));
    EXPECT("it ends", BULKHEAD_NORMAL, reason_of(BULKHEAD_DOWN_TAG(child.monitor)).kind);
    EXPECT("nothing is sent to who is gone", BULKHEAD_SRCH, bulkhead_host_send(child.process, 1, 0, 0, 0, 0));
    EXPECT("nor waited for", BULKHEAD_SRCH, bulkhead_host_send_wait(child.process, 1, 0, 0, 0, 0, -1));
}

static void bounds(void) {
    uint32_t idle = start(forever);
    uint64_t count = 0;
    int32_t error = 0;
    // While it takes messages out of its queue they count twice for a moment, so `send` alone may say `again` too soon.
    while (count < 100000 && (error = bulkhead_host_send_wait(idle, 1, 0, 0, 0, 0, 20 * BULKHEAD_MILLISECONDS)) == 0) count++;
    EXPECT("no room comes", BULKHEAD_TIMEDOUT, error);
    EXPECT("after as many as the policy says", 500, count);
    EXPECT("a mailbox has an end", BULKHEAD_AGAIN, bulkhead_host_send(idle, 1, 0, 0, 0, 0));
    REQUIRE(0, bulkhead_host_exit_process(idle, BULKHEAD_KILL, 0, 0));
    static uint8_t large[2 << 20];
    EXPECT("more bytes than a mailbox ever holds", BULKHEAD_MSGSIZE, bulkhead_host_send(0, 1, large, sizeof large, 0, 0));
    struct bulkhead_child child = start_child(draining, 0);
    uint64_t sent = 0;
    for (; sent < 3000; sent++) REQUIRE(0, bulkhead_host_send_wait(child.process, 1, "x", 1, 0, 0, 10 * BULKHEAD_SECONDS));
    REQUIRE(0, bulkhead_host_send_wait(child.process, 9, "x", 1, 0, 0, -1));
    uint64_t received = 0;
    take(0, 0, &received, 8);
    EXPECT("with patience all arrive", sent, received);
}

int main(void) {
    EXPECT("version", 1, bulkhead_host_abi_version());
    to_oneself();
    selection();
    timeouts();
    refusals();
    conversation();
    bounds();
    struct bulkhead_child child = start_with(nothing, (struct bulkhead_options){.flags = BULKHEAD_SPAWN_MONITOR});
    EXPECT("a child that does nothing", BULKHEAD_NORMAL, reason_of(BULKHEAD_DOWN_TAG(child.monitor)).kind);
    say("done\n");
}
