// Many at once: 10,000 that sleep, a trap among 1,000 that changes nothing for the others, a fork bomb, a mailbox under flood.
#include "processes.h"

static void sleeping(void) {
    uint32_t back = parent();
    bulkhead_host_sleep(BULKHEAD_MILLISECONDS);
    take((uint64_t[]){1}, 1, 0, 0);
    bulkhead_host_sleep(BULKHEAD_MILLISECONDS);
    bulkhead_host_send_wait(back, 2, 0, 0, 0, 0, -1);
}

// Adds what it is sent, and tells the sum when asked: nothing may disturb it.
static void adding(void) {
    uint32_t back = parent();
    uint64_t sum = 0;
    for (;;) {
        uint64_t number;
        struct bulkhead_message message = {0};
        if (bulkhead_host_receive_wait(0, 0, &number, 8, 0, 0, &message, -1) != 0) __builtin_trap();
        if (message.tag == 3) break;
        sum += number;
    }
    bulkhead_host_send_wait(back, 4, &sum, 8, 0, 0, -1);
}

static void trapping(void) { __builtin_trap(); }

static void overflowing(void) {
    volatile uint8_t *byte = (uint8_t *)0xfffffff0;
    *byte = 1;
}

static uint32_t deep(uint32_t depth) {
    volatile uint8_t room[1024];
    room[depth % 1024] = 1;
    return room[(depth + 1) % 1024] == 2 ? 0 : deep(depth + 1) + room[depth % 1024];
}

static void recursing(void) { bulkhead_host_exit(BULKHEAD_BYTES, 0, deep(0) & 1); }

static void forking(void) {
    struct bulkhead_options options = {.entry = (uint32_t)(uintptr_t)forking};
    struct bulkhead_child child;
    for (;;) {
        if (bulkhead_host_spawn(&options, &child) != 0) bulkhead_host_sleep(0);
        else bulkhead_host_handle_close(child.process);
    }
}

static void crowd(uint32_t size) {
    uint32_t *handles = malloc(size * 4);
    for (uint32_t index = 0; index < size; index++) handles[index] = start_child(sleeping, 0).process;
    for (uint32_t index = 0; index < size; index++) REQUIRE(0, bulkhead_host_send(handles[index], 1, 0, 0, 0, 0));
    for (uint32_t index = 0; index < size; index++) take((uint64_t[]){2}, 1, 0, 0);
    EXPECT("ten thousand wake and answer", 1, 1);
    uint64_t left = 0;
    for (uint32_t index = 0; index < size; index++) {
        while (bulkhead_host_alive(handles[index]) == 0) bulkhead_host_sleep(0);
        left += bulkhead_host_handle_close(handles[index]) != 0;
    }
    EXPECT("and all have ended", 0, left);
    free(handles);
}

static void isolation(void) {
    enum { SIZE = 1000, TURNS = 20 };
    static uint32_t handles[SIZE];
    void (*const bad[])(void) = {trapping, overflowing, recursing};
    for (uint32_t index = 0; index < SIZE; index++) handles[index] = start_child(adding, 0).process;
    uint64_t wrong = 0;
    for (uint64_t turn = 1; turn <= TURNS; turn++) {
        struct bulkhead_child crash = start_with(bad[turn % 3], (struct bulkhead_options){.flags = BULKHEAD_SPAWN_MONITOR});
        for (uint32_t index = 0; index < SIZE; index++) {
            uint64_t amount = turn * index;
            REQUIRE(0, bulkhead_host_send(handles[index], 1, &amount, 8, 0, 0));
        }
        wrong += reason_of(BULKHEAD_DOWN_TAG(crash.monitor)).kind != BULKHEAD_TRAP;
        REQUIRE(0, bulkhead_host_handle_close(crash.process));
    }
    EXPECT("twenty crash", 0, wrong);
    for (uint64_t index = 0; index < SIZE; index++) {
        uint64_t sum = 0, id;
        REQUIRE(0, bulkhead_host_process_id(handles[index], &id));
        REQUIRE(0, bulkhead_host_send(handles[index], 3, 0, 0, 0, 0));
        struct bulkhead_message message = take((uint64_t[]){4}, 1, &sum, 8);
        wrong += message.process != id || sum != index * TURNS * (TURNS + 1) / 2;
        REQUIRE(0, bulkhead_host_handle_close(handles[index]));
    }
    EXPECT("a thousand others notice nothing", 0, wrong);
}

static void bomb(void) {
    struct bulkhead_limit limits[] = {{.limit = BULKHEAD_LIMIT_PROCESSES, .value = 50}, {.limit = BULKHEAD_LIMIT_WALL, .value = 200 * BULKHEAD_MILLISECONDS}};
    struct bulkhead_child child = start_with(
        forking, (struct bulkhead_options){.flags = BULKHEAD_SPAWN_MONITOR, .limits = limits, .limit_count = 2});
    uint64_t turns = 0;
    while (bulkhead_host_alive(child.process) == 0) {
        struct bulkhead_child other = start_child(adding, 0);
        uint64_t sum;
        REQUIRE(0, bulkhead_host_send(other.process, 3, 0, 0, 0, 0));
        take((uint64_t[]){4}, 1, &sum, 8);
        REQUIRE(0, bulkhead_host_handle_close(other.process));
        turns++;
    }
    EXPECT("others live and work beside a fork bomb", 1, turns > 2);
    EXPECT("whose time runs out", BULKHEAD_LIMIT, reason_of(BULKHEAD_DOWN_TAG(child.monitor)).kind);
}

int main(int count, char **words) {
    crowd(count > 1 ? (uint32_t)strtoul(words[1], 0, 10) : 10000);
    isolation();
    bomb();
    say("done\n");
}
