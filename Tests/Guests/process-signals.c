// Links, monitors, aliases, exits: what Erlang's documentation says of each, through the host interface.
#include "processes.h"

static void forever(void) { bulkhead_host_sleep(-1); }

static void spinning(void) {
    for (volatile uint64_t turns = 0;; turns++) {
    }
}

static void trapping_unreachable(void) { __builtin_trap(); }

static void coded(void) { __wasi_proc_exit(42); }

static void coded_zero(void) { __wasi_proc_exit(0); }

static void shutting_down(void) { bulkhead_host_exit(BULKHEAD_SHUTDOWN, 0, 0); }

static void with_bytes(void) { bulkhead_host_exit(BULKHEAD_BYTES, "why not", 7); }
static void shutting_down_with(void) { bulkhead_host_exit(BULKHEAD_SHUTDOWN_WITH, "why not", 7); }

static void killing_itself(void) { bulkhead_host_exit(BULKHEAD_KILL, 0, 0); }

static void killed_by_itself(void) { bulkhead_host_exit_process(0, BULKHEAD_KILL, 0, 0); }

static void normal_to_itself(void) {
    bulkhead_host_exit_process(0, BULKHEAD_NORMAL, 0, 0);
    __wasi_proc_exit(1);
}

// Traps exits, says so, and waits for what comes.
static void careful(void) {
    uint32_t back = parent();
    REQUIRE(0, bulkhead_host_trap_exit(1));
    REQUIRE(0, bulkhead_host_send(back, 1, 0, 0, 0, 0));
    uint8_t payload[4096];
    struct bulkhead_message message = take(0, 0, payload, sizeof payload);
    struct bulkhead_reason reason;
    memcpy(&reason, payload, sizeof reason);
    uint64_t seen[2] = {message.kind, reason.kind};
    REQUIRE(0, bulkhead_host_send(back, 2, seen, sizeof seen, 0, 0));
}

// Waits for one message, then ends with the kind of reason that it names.
static void ending_on_demand(void) {
    uint8_t buffer[16];
    struct bulkhead_message message = take(0, 0, buffer, sizeof buffer);
    bulkhead_host_exit((uint32_t)message.tag, 0, 0);
}

// Sends twice through the handle that it is given.
static void replying(void) {
    uint32_t to = parent();
    bulkhead_host_send(to, 21, 0, 0, 0, 0);
    bulkhead_host_send(to, 22, 0, 0, 0, 0);
}

static void reasons(void) {
    const struct {
        const char *name;
        void (*entry)(void);
        uint32_t kind, code;
    } cases[] = {
        {"a trap", trapping_unreachable, BULKHEAD_TRAP, 0},
        {"an exit code", coded, BULKHEAD_EXIT_CODE, 42},
        {"exit code 0", coded_zero, BULKHEAD_NORMAL, 0},
        {"shutdown", shutting_down, BULKHEAD_SHUTDOWN, 0},
        {"bytes", with_bytes, BULKHEAD_BYTES, 0},
        {"shutdown with bytes", shutting_down_with, BULKHEAD_SHUTDOWN_WITH, 0},
        {"kill as one's own reason", killing_itself, BULKHEAD_KILL, 0},
        {"kill sent to oneself", killed_by_itself, BULKHEAD_KILLED, 0},
        {"normal sent to oneself", normal_to_itself, BULKHEAD_NORMAL, 0},
    };
    for (uint32_t index = 0; index < sizeof cases / sizeof cases[0]; index++) {
        struct bulkhead_child child = start_with(cases[index].entry, (struct bulkhead_options){.flags = BULKHEAD_SPAWN_MONITOR});
        uint8_t payload[8192];
        uint64_t tag = BULKHEAD_DOWN_TAG(child.monitor);
        struct bulkhead_message message = take(&tag, 1, payload, sizeof payload);
        struct bulkhead_reason reason;
        memcpy(&reason, payload, sizeof reason);
        EXPECT(cases[index].name, cases[index].kind, reason.kind);
        EXPECT("with its code", cases[index].code, reason.code);
        EXPECT("as a DOWN", BULKHEAD_DOWN, message.kind);
        EXPECT("of its monitor", child.monitor, message.monitor);
        uint64_t id;
        REQUIRE(0, bulkhead_host_process_id(child.process, &id));
        EXPECT("of its process", id, message.process);
        if (reason.kind == BULKHEAD_BYTES || reason.kind == BULKHEAD_SHUTDOWN_WITH)
            EXPECT("the bytes", 0, memcmp(payload + sizeof reason, "why not", 7));
        if (reason.kind == BULKHEAD_TRAP) EXPECT("the trap's kind", 0, memcmp(payload + sizeof reason, "unreachable\n", 12));
        EXPECT("it is not alive", BULKHEAD_SRCH, bulkhead_host_alive(child.process));
        EXPECT("its monitor is closed", BULKHEAD_BADF, bulkhead_host_demonitor(child.monitor, 0));
        EXPECT("its handle closes", 0, bulkhead_host_handle_close(child.process));
    }
}

static void kills(void) {
    void (*const entries[])(void) = {forever, spinning, careful};
    const char *const names[] = {"killed in its sleep", "killed while it spins", "killed though it traps exits"};
    for (uint32_t index = 0; index < 3; index++) {
        struct bulkhead_child child = start_child(entries[index], BULKHEAD_SPAWN_MONITOR);
        if (index == 2) take((uint64_t[]){1}, 1, 0, 0);
        REQUIRE(0, bulkhead_host_exit_process(child.process, BULKHEAD_KILL, 0, 0));
        EXPECT(names[index], BULKHEAD_KILLED, reason_of(BULKHEAD_DOWN_TAG(child.monitor)).kind);
    }
    struct bulkhead_child child = start_child(forever, BULKHEAD_SPAWN_MONITOR);
    REQUIRE(0, bulkhead_host_exit_process(child.process, BULKHEAD_NORMAL, 0, 0));
    EXPECT("normal does nothing to another", 0, bulkhead_host_alive(child.process));
    REQUIRE(0, bulkhead_host_exit_process(child.process, BULKHEAD_SHUTDOWN, 0, 0));
    EXPECT("shutdown ends it", BULKHEAD_SHUTDOWN, reason_of(BULKHEAD_DOWN_TAG(child.monitor)).kind);
    EXPECT("exit to who is gone", 0, bulkhead_host_exit_process(child.process, BULKHEAD_KILL, 0, 0));
    child = start_child(careful, 0);
    take((uint64_t[]){1}, 1, 0, 0);
    REQUIRE(0, bulkhead_host_exit_process(child.process, BULKHEAD_SHUTDOWN, 0, 0));
    uint64_t seen[2];
    take((uint64_t[]){2}, 1, seen, sizeof seen);
    EXPECT("who traps exits gets an EXIT", BULKHEAD_EXIT, seen[0]);
    EXPECT("with the reason", BULKHEAD_SHUTDOWN, seen[1]);
}

// The whole of this runs in a child, which is expected to end with the child that it is linked to.
static void linked_to_the_dying(void) {
    struct bulkhead_child child = start_with(ending_on_demand, (struct bulkhead_options){.flags = BULKHEAD_SPAWN_LINK});
    REQUIRE(0, bulkhead_host_send(child.process, BULKHEAD_SHUTDOWN, 0, 0, 0, 0));
    bulkhead_host_sleep(-1);
}

static void linked_to_the_normal(void) {
    struct bulkhead_child child = start_with(
        ending_on_demand, (struct bulkhead_options){.flags = BULKHEAD_SPAWN_LINK | BULKHEAD_SPAWN_MONITOR});
    REQUIRE(0, bulkhead_host_send(child.process, BULKHEAD_NORMAL, 0, 0, 0, 0));
    REQUIRE(BULKHEAD_NORMAL, reason_of(BULKHEAD_DOWN_TAG(child.monitor)).kind);
    bulkhead_host_exit(BULKHEAD_BYTES, "alive", 5);
}

static void unlinked_in_time(void) {
    struct bulkhead_child child = start_with(
        ending_on_demand, (struct bulkhead_options){.flags = BULKHEAD_SPAWN_LINK | BULKHEAD_SPAWN_MONITOR});
    REQUIRE(0, bulkhead_host_unlink(child.process));
    REQUIRE(0, bulkhead_host_send(child.process, BULKHEAD_SHUTDOWN, 0, 0, 0, 0));
    REQUIRE(BULKHEAD_SHUTDOWN, reason_of(BULKHEAD_DOWN_TAG(child.monitor)).kind);
    bulkhead_host_exit(BULKHEAD_BYTES, "alive", 5);
}

static void linking_the_dead(void) {
    struct bulkhead_child child = start_with(coded_zero, (struct bulkhead_options){.flags = BULKHEAD_SPAWN_MONITOR});
    reason_of(BULKHEAD_DOWN_TAG(child.monitor));
    REQUIRE(BULKHEAD_SRCH, bulkhead_host_link(child.process));
    REQUIRE(0, bulkhead_host_trap_exit(1));
    REQUIRE(0, bulkhead_host_link(child.process));
    uint64_t id;
    REQUIRE(0, bulkhead_host_process_id(child.process, &id));
    bulkhead_host_exit(BULKHEAD_BYTES, "seen", reason_of(BULKHEAD_EXIT_TAG(id)).kind == BULKHEAD_NOPROC ? 4 : 3);
}

static void linking(void) {
    const struct {
        const char *name;
        void (*entry)(void);
        uint32_t kind;
    } cases[] = {
        {"a link ends the other", linked_to_the_dying, BULKHEAD_SHUTDOWN},
        {"but not for a normal end", linked_to_the_normal, BULKHEAD_BYTES},
        {"nor once unlinked", unlinked_in_time, BULKHEAD_BYTES},
        {"a link to the dead", linking_the_dead, BULKHEAD_BYTES},
    };
    for (uint32_t index = 0; index < sizeof cases / sizeof cases[0]; index++) {
        struct bulkhead_child child = start_with(cases[index].entry, (struct bulkhead_options){.flags = BULKHEAD_SPAWN_MONITOR});
        EXPECT(cases[index].name, cases[index].kind, reason_of(BULKHEAD_DOWN_TAG(child.monitor)).kind);
    }
    EXPECT("a link to oneself is none", 0, bulkhead_host_link(0));
    REQUIRE(0, bulkhead_host_trap_exit(1));
    struct bulkhead_child child = start_with(ending_on_demand, (struct bulkhead_options){.flags = BULKHEAD_SPAWN_LINK});
    uint64_t id;
    REQUIRE(0, bulkhead_host_process_id(child.process, &id));
    REQUIRE(0, bulkhead_host_send(child.process, BULKHEAD_NORMAL, 0, 0, 0, 0));
    EXPECT("who traps exits hears of a normal end", BULKHEAD_NORMAL, reason_of(BULKHEAD_EXIT_TAG(id)).kind);
    REQUIRE(0, bulkhead_host_trap_exit(0));
}

static void monitoring(void) {
    uint32_t gone = start(coded_zero), out[2] = {0}, more[2] = {0};
    while (bulkhead_host_alive(gone) == 0) bulkhead_host_sleep(0);
    EXPECT("monitor who is gone", 0, bulkhead_host_monitor(gone, 0, out));
    EXPECT("noproc", BULKHEAD_NOPROC, reason_of(BULKHEAD_DOWN_TAG(out[0])).kind);
    uint32_t process = start(ending_on_demand);
    EXPECT("a monitor", 0, bulkhead_host_monitor(process, 0, out));
    EXPECT("and another", 0, bulkhead_host_monitor(process, 0, more));
    EXPECT("of a number of its own", 1, out[0] != more[0]);
    EXPECT("without an alias", 0, out[1]);
    EXPECT("demonitor one", 0, bulkhead_host_demonitor(out[0], 0));
    EXPECT("only once", BULKHEAD_BADF, bulkhead_host_demonitor(out[0], 0));
    REQUIRE(0, bulkhead_host_send(process, BULKHEAD_SHUTDOWN, 0, 0, 0, 0));
    EXPECT("the other fires", BULKHEAD_SHUTDOWN, reason_of(BULKHEAD_DOWN_TAG(more[0])).kind);
    struct bulkhead_message message;
    uint8_t payload[64];
    EXPECT("once", BULKHEAD_AGAIN, bulkhead_host_receive(0, 0, payload, 64, 0, 0, &message));
    process = start(ending_on_demand);
    REQUIRE(0, bulkhead_host_monitor(process, 0, out));
    REQUIRE(0, bulkhead_host_send(process, BULKHEAD_SHUTDOWN, 0, 0, 0, 0));
    while (bulkhead_host_alive(process) == 0) bulkhead_host_sleep(0);
    bulkhead_host_sleep(BULKHEAD_MILLISECONDS);
    EXPECT("demonitor with flush", 0, bulkhead_host_demonitor(out[0], 1));
    EXPECT("takes its DOWN away", BULKHEAD_AGAIN, bulkhead_host_receive(0, 0, payload, 64, 0, 0, &message));
    EXPECT("monitor oneself", 0, bulkhead_host_monitor(0, 0, out));
    EXPECT("is closed like any", 0, bulkhead_host_demonitor(out[0], 1));
}

static void aliases(void) {
    uint32_t alias = 0, out[2] = {0};
    uint64_t id, other;
    EXPECT("an alias", 0, bulkhead_host_alias(&alias));
    REQUIRE(0, bulkhead_host_process_id(0, &id));
    EXPECT("has its process's id", 0, bulkhead_host_process_id(alias, &other));
    EXPECT("which is mine", id, other);
    EXPECT("link takes no alias", BULKHEAD_INVAL, bulkhead_host_link(alias));
    EXPECT("nor does monitor", BULKHEAD_INVAL, bulkhead_host_monitor(alias, 0, out));
    EXPECT("nor exit_process", BULKHEAD_INVAL, bulkhead_host_exit_process(alias, BULKHEAD_KILL, 0, 0));
    REQUIRE(0, bulkhead_host_send(alias, 20, 0, 0, 0, 0));
    EXPECT("a message through it", 20, take(0, 0, 0, 0).tag);
    struct bulkhead_handle given = {.kind = BULKHEAD_PROCESS, .value = alias};
    start_with(replying, (struct bulkhead_options){.handles = &given, .handle_count = 1});
    EXPECT("from another", 21, take(0, 0, 0, 0).tag);
    EXPECT("and another", 22, take(0, 0, 0, 0).tag);
    EXPECT("closed", 0, bulkhead_host_handle_close(alias));
    EXPECT("a monitor with an alias", 0, bulkhead_host_monitor(0, 1, out));
    EXPECT("has one", 1, out[1] != 0);
    given.value = out[1];
    struct bulkhead_child child = start_with(
        replying, (struct bulkhead_options){.flags = BULKHEAD_SPAWN_MONITOR, .handles = &given, .handle_count = 1});
    EXPECT("its first message comes", 21, take((uint64_t[]){21, 22}, 2, 0, 0).tag);
    EXPECT("then the sender ends", BULKHEAD_NORMAL, reason_of(BULKHEAD_DOWN_TAG(child.monitor)).kind);
    struct bulkhead_message message;
    EXPECT("and its second has vanished", BULKHEAD_AGAIN, bulkhead_host_receive(0, 0, 0, 0, 0, 0, &message));
    EXPECT("the monitor is still there", 0, bulkhead_host_demonitor(out[0], 0));
}

static void refusals(void) {
    uint32_t out[2];
    EXPECT("link: badf", BULKHEAD_BADF, bulkhead_host_link(99));
    EXPECT("unlink: badf", BULKHEAD_BADF, bulkhead_host_unlink(99));
    EXPECT("monitor: badf", BULKHEAD_BADF, bulkhead_host_monitor(99, 0, out));
    EXPECT("monitor: flags", BULKHEAD_INVAL, bulkhead_host_monitor(0, 2, out));
    EXPECT("monitor: out", BULKHEAD_FAULT, bulkhead_host_monitor(0, 0, NOWHERE));
    EXPECT("demonitor: badf", BULKHEAD_BADF, bulkhead_host_demonitor(12345, 0));
    EXPECT("demonitor: flags", BULKHEAD_INVAL, bulkhead_host_demonitor(1, 4));
    EXPECT("alias: out", BULKHEAD_FAULT, bulkhead_host_alias(NOWHERE));
    EXPECT("exit: kind", BULKHEAD_INVAL, bulkhead_host_exit(3, 0, 0));
    EXPECT("exit: data without a use", BULKHEAD_INVAL, bulkhead_host_exit(BULKHEAD_NORMAL, "x", 1));
    EXPECT("exit: data nowhere", BULKHEAD_FAULT, bulkhead_host_exit(BULKHEAD_BYTES, NOWHERE, 64));
    static uint8_t large[4097];
    EXPECT("exit: too long", BULKHEAD_MSGSIZE, bulkhead_host_exit(BULKHEAD_BYTES, large, sizeof large));
    EXPECT("exit_process: badf", BULKHEAD_BADF, bulkhead_host_exit_process(99, BULKHEAD_KILL, 0, 0));
    EXPECT("exit_process: kind", BULKHEAD_INVAL, bulkhead_host_exit_process(0, 5, 0, 0));
    EXPECT("trap_exit: on", BULKHEAD_INVAL, bulkhead_host_trap_exit(2));
    EXPECT("handle_close: oneself", BULKHEAD_BADF, bulkhead_host_handle_close(0));
    EXPECT("handle_close: twice", BULKHEAD_BADF, bulkhead_host_handle_close(99));
    EXPECT("handle_duplicate: badf", BULKHEAD_BADF, bulkhead_host_handle_duplicate(99, out));
    EXPECT("handle_duplicate: out", BULKHEAD_FAULT, bulkhead_host_handle_duplicate(0, NOWHERE));
    EXPECT("handle_duplicate", 0, bulkhead_host_handle_duplicate(0, out));
    EXPECT("it is alive", 0, bulkhead_host_alive(out[0]));
    EXPECT("process_id: badf", BULKHEAD_BADF, bulkhead_host_process_id(99, (uint64_t *)out));
    EXPECT("process_id: out", BULKHEAD_FAULT, bulkhead_host_process_id(0, NOWHERE));
    EXPECT("alive: badf", BULKHEAD_BADF, bulkhead_host_alive(99));
}

int main(void) {
    reasons();
    kills();
    linking();
    monitoring();
    aliases();
    refusals();
    say("done\n");
}
