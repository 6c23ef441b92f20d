// An app of several modules: spawns `worker` by name, under a named policy, and reports how each ends.
#include "processes.h"

static struct bulkhead_child other(const char *module, const char *policy) {
    struct bulkhead_child child = {0};
    struct bulkhead_options options = {
        .flags = BULKHEAD_SPAWN_MONITOR, .module = module, .module_length = (uint32_t)strlen(module),
        .policy = policy, .policy_length = (uint32_t)strlen(policy)};
    REQUIRE(0, bulkhead_host_spawn(&options, &child));
    return child;
}

static uint32_t ending(struct bulkhead_child child) { return reason_of(BULKHEAD_DOWN_TAG(child.monitor)).kind; }

static void crash(void) { __builtin_trap(); }

static uint32_t drawn;

// Under `quiet`, which has no random bytes.
static void draw(void) {
    uint8_t byte;
    drawn = __wasi_random_get(&byte, 1);
    bulkhead_host_exit(BULKHEAD_BYTES, &drawn, sizeof drawn);
}

int main(void) {
    EXPECT("another module", BULKHEAD_NORMAL, ending(other("worker", "")));
    EXPECT("under a policy", BULKHEAD_NORMAL, ending(other("worker", "quiet")));
    struct bulkhead_child child = {0};
    struct bulkhead_options options = {.module = "nobody", .module_length = 6};
    EXPECT("no such module", BULKHEAD_NOENT, bulkhead_host_spawn(&options, &child));
    options = (struct bulkhead_options){.policy = "loud", .policy_length = 4};
    EXPECT("no such policy", BULKHEAD_NOTCAPABLE, bulkhead_host_spawn(&options, &child));
    child = start_with(draw, (struct bulkhead_options){
        .flags = BULKHEAD_SPAWN_MONITOR, .policy = "quiet", .policy_length = 5});
    EXPECT("a child with less", BULKHEAD_BYTES, ending(child));
    child = start_with(crash, (struct bulkhead_options){.flags = BULKHEAD_SPAWN_MONITOR});
    EXPECT("a child that traps", BULKHEAD_TRAP, ending(child));
    say("done\n");
    return 0;
}
