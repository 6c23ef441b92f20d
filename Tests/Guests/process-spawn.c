// spawn, argument, and handles on their way: every answer, what a child gets, and what it does not.
#include "processes.h"

static int shared = 1;

static void nothing(void) {}

static void forever(void) { bulkhead_host_sleep(-1); }

// Sends back what it was given, with the handles' number.
static void echoing(void) {
    uint8_t bytes[32];
    struct bulkhead_handle handles[4];
    struct bulkhead_message message = {0};
    REQUIRE(BULKHEAD_MSGSIZE, bulkhead_host_argument(bytes, 2, handles, 4, &message));
    REQUIRE(BULKHEAD_MSGSIZE, bulkhead_host_argument(bytes, sizeof bytes, handles, 0, &message));
    REQUIRE(BULKHEAD_FAULT, bulkhead_host_argument(NOWHERE, 64, handles, 4, &message));
    REQUIRE(0, bulkhead_host_argument(bytes, sizeof bytes, handles, 4, &message));
    uint32_t length = message.length, count = message.handle_count;
    REQUIRE(BULKHEAD_AGAIN, bulkhead_host_argument(bytes, sizeof bytes, handles, 4, &message));
    REQUIRE(0, bulkhead_host_send(handles[0].value, 40 + count, bytes, length, 0, 0));
}

static void without_argument(void) {
    struct bulkhead_message message;
    uint8_t byte;
    uint64_t answers[2] = {(uint64_t)bulkhead_host_argument(&byte, 1, 0, 0, &message), (uint64_t)shared};
    bulkhead_host_exit(BULKHEAD_BYTES, answers, sizeof answers);
}

// Spawns a copy of itself, one level less, and ends when that does.
static void deeper(void) {
    uint32_t depth;
    struct bulkhead_handle handle;
    struct bulkhead_message message;
    REQUIRE(0, bulkhead_host_argument(&depth, 4, &handle, 1, &message));
    if (depth == 0) {
        bulkhead_host_send(handle.value, 50, 0, 0, 0, 0);
        return;
    }
    depth--;
    struct bulkhead_options options = {.flags = BULKHEAD_SPAWN_MONITOR, .argument = &depth, .argument_length = 4,
                                       .handles = &handle, .handle_count = 1, .entry = (uint32_t)(uintptr_t)deeper};
    struct bulkhead_child child;
    REQUIRE(0, bulkhead_host_spawn(&options, &child));
    reason_of(BULKHEAD_DOWN_TAG(child.monitor));
}

static int32_t try(struct bulkhead_options options) {
    struct bulkhead_child child;
    options.entry = (uint32_t)(uintptr_t)nothing;
    return bulkhead_host_spawn(&options, &child);
}

static void refusals(void) {
    struct bulkhead_child child;
    struct bulkhead_options plain = {.entry = (uint32_t)(uintptr_t)nothing};
    struct bulkhead_handle handle = {.value = 99};
    struct bulkhead_limit limits[12] = {{0}};
    EXPECT("options nowhere", BULKHEAD_FAULT, bulkhead_host_spawn(NOWHERE, &child));
    EXPECT("out nowhere", BULKHEAD_FAULT, bulkhead_host_spawn(&plain, NOWHERE));
    EXPECT("an unknown flag", BULKHEAD_INVAL, try((struct bulkhead_options){.flags = 8}));
    EXPECT("an unknown area", BULKHEAD_INVAL, try((struct bulkhead_options){.without = 256}));
    EXPECT("a reserved field", BULKHEAD_INVAL, try((struct bulkhead_options){.reserved = {0, 0, 0, 0, 1}}));
    EXPECT("an argument nowhere", BULKHEAD_FAULT, try((struct bulkhead_options){.argument = NOWHERE, .argument_length = 64}));
    EXPECT("a handle that is not open", BULKHEAD_BADF, try((struct bulkhead_options){.handles = &handle, .handle_count = 1}));
    EXPECT("handles nowhere", BULKHEAD_FAULT, try((struct bulkhead_options){.handles = NOWHERE, .handle_count = 3}));
    EXPECT("too many handles", BULKHEAD_INVAL, try((struct bulkhead_options){.handles = &handle, .handle_count = 65}));
    EXPECT("a module that is not there", BULKHEAD_NOENT, try((struct bulkhead_options){.module = "other", .module_length = 5}));
    EXPECT("a module's name nowhere", BULKHEAD_FAULT, try((struct bulkhead_options){.module = NOWHERE, .module_length = 64}));
    EXPECT("a module's name too long", BULKHEAD_INVAL, try((struct bulkhead_options){.module = "x", .module_length = 256}));
    EXPECT("a module's name that is no text", BULKHEAD_INVAL, try((struct bulkhead_options){.module = "\xff", .module_length = 1}));
    EXPECT("a policy that is not granted", BULKHEAD_NOTCAPABLE, try((struct bulkhead_options){.policy = "any", .policy_length = 3}));
    EXPECT("limits nowhere", BULKHEAD_FAULT, try((struct bulkhead_options){.limits = NOWHERE, .limit_count = 2}));
    EXPECT("too many limits", BULKHEAD_INVAL, try((struct bulkhead_options){.limits = limits, .limit_count = 12}));
    limits[0].limit = 11;
    EXPECT("an unknown limit", BULKHEAD_INVAL, try((struct bulkhead_options){.limits = limits, .limit_count = 1}));
    limits[0] = (struct bulkhead_limit){.zero = 1};
    EXPECT("a limit's reserved field", BULKHEAD_INVAL, try((struct bulkhead_options){.limits = limits, .limit_count = 1}));
    limits[0] = (struct bulkhead_limit){.limit = BULKHEAD_LIMIT_STACK, .value = 65536};
    EXPECT("a stack of another size", BULKHEAD_NOTSUP, try((struct bulkhead_options){.limits = limits, .limit_count = 1}));
    EXPECT("a handler without a function for messages", BULKHEAD_NOTSUP, try((struct bulkhead_options){.flags = BULKHEAD_SPAWN_HANDLER}));
}

static void gifts(void) {
    struct bulkhead_handle handles[2] = {{.kind = BULKHEAD_PROCESS}, {.kind = BULKHEAD_PROCESS}};
    struct bulkhead_options options = {.argument = "a gift", .argument_length = 6, .handles = handles, .handle_count = 2};
    start_with(echoing, options);
    uint8_t bytes[32];
    struct bulkhead_message message = take(0, 0, bytes, sizeof bytes);
    EXPECT("an argument with handles", 42, message.tag);
    EXPECT("of that length", 6, message.length);
    EXPECT("and content", 0, memcmp(bytes, "a gift", 6));
    shared = 2;
    struct bulkhead_child child = start_with(without_argument, (struct bulkhead_options){.flags = BULKHEAD_SPAWN_MONITOR});
    uint8_t payload[64];
    uint64_t answers[2], tag = BULKHEAD_DOWN_TAG(child.monitor);
    take(&tag, 1, payload, sizeof payload);
    memcpy(answers, payload + sizeof(struct bulkhead_reason), sizeof answers);
    EXPECT("no argument", BULKHEAD_AGAIN, answers[0]);
    EXPECT("memory of its own", 1, answers[1]);

    struct bulkhead_child given = start_with(forever, (struct bulkhead_options){0});
    struct bulkhead_handle moved = {.kind = BULKHEAD_PROCESS, .flags = BULKHEAD_MOVE, .value = given.process};
    EXPECT("move a handle", 0, bulkhead_host_send(0, 60, 0, 0, &moved, 1));
    EXPECT("it is not mine any more", BULKHEAD_BADF, bulkhead_host_alive(given.process));
    struct bulkhead_handle arrived;
    EXPECT("too little room for it", BULKHEAD_MSGSIZE, bulkhead_host_receive(0, 0, 0, 0, &arrived, 0, &message));
    EXPECT("the number is told", 1, message.handle_count);
    EXPECT("it arrives", 0, bulkhead_host_receive(0, 0, 0, 0, &arrived, 1, &message));
    EXPECT("as a process", BULKHEAD_PROCESS, arrived.kind);
    EXPECT("that lives", 0, bulkhead_host_alive(arrived.value));
    struct bulkhead_handle twice[2] = {{.flags = BULKHEAD_MOVE, .value = arrived.value}, {.flags = BULKHEAD_MOVE, .value = arrived.value}};
    EXPECT("no handle is moved twice", BULKHEAD_INVAL, bulkhead_host_send(0, 1, 0, 0, twice, 2));
    EXPECT("and nothing has happened", 0, bulkhead_host_alive(arrived.value));
    bulkhead_host_exit_process(arrived.value, BULKHEAD_KILL, 0, 0);
}

static void numbers(void) {
    uint32_t depth = 40;
    struct bulkhead_handle self = {.kind = BULKHEAD_PROCESS};
    struct bulkhead_child first = start_with(
        deeper, (struct bulkhead_options){.flags = BULKHEAD_SPAWN_MONITOR, .argument = &depth, .argument_length = 4, .handles = &self, .handle_count = 1});
    EXPECT("forty deep", 50, take((uint64_t[]){50}, 1, 0, 0).tag);
    reason_of(BULKHEAD_DOWN_TAG(first.monitor));
    // The policy allows 100 at once.
    uint32_t handles[200], count = 0;
    struct bulkhead_child child;
    struct bulkhead_options options = {.entry = (uint32_t)(uintptr_t)forever};
    int32_t error = 0;
    // Those that have ended count until all of theirs is given back.
    for (uint32_t waits = 0; count < 200;) {
        error = bulkhead_host_spawn(&options, &child);
        if (error == 0) handles[count++] = child.process;
        else if (count < 100 && waits++ < 2000) bulkhead_host_sleep(BULKHEAD_MILLISECONDS);
        else break;
    }
    EXPECT("as many as the policy says", 100, count);
    EXPECT("then no more", BULKHEAD_AGAIN, error);
    for (uint32_t index = 0; index < count; index++) bulkhead_host_exit_process(handles[index], BULKHEAD_KILL, 0, 0);
    for (uint32_t index = 0; index < count; index++) {
        while (bulkhead_host_alive(handles[index]) == 0) bulkhead_host_sleep(0);
        bulkhead_host_handle_close(handles[index]);
    }
    for (uint32_t waits = 0; waits < 2000 && (error = bulkhead_host_spawn(&options, &child)) != 0; waits++) bulkhead_host_sleep(BULKHEAD_MILLISECONDS);
    EXPECT("until some have ended", 0, error);
}

int main(void) {
    refusals();
    gifts();
    numbers();
    say("done\n");
}
