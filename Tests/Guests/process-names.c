// register, unregister, whereis under a policy that grants `svc.*`.
#include "processes.h"

static void forever(void) { bulkhead_host_sleep(-1); }

static void owning(void) {
    uint32_t back = parent();
    REQUIRE(0, bulkhead_host_register("svc.child", 9, 0));
    REQUIRE(0, bulkhead_host_send(back, 1, 0, 0, 0, 0));
    take((uint64_t[]){2}, 1, 0, 0);
}

int main(void) {
    uint32_t process = start(forever), found = 0;
    uint64_t id, other;
    static char large[256];
    memset(large, 'a', sizeof large);
    EXPECT("register", 0, bulkhead_host_register("svc.a", 5, process));
    EXPECT("a name is taken once", BULKHEAD_EXIST, bulkhead_host_register("svc.a", 5, 0));
    EXPECT("a process may have several", 0, bulkhead_host_register("svc.b", 5, process));
    EXPECT("whereis", 0, bulkhead_host_whereis("svc.b", 5, &found));
    REQUIRE(0, bulkhead_host_process_id(process, &id));
    REQUIRE(0, bulkhead_host_process_id(found, &other));
    EXPECT("leads to it", id, other);
    EXPECT("whereis nobody", BULKHEAD_NOENT, bulkhead_host_whereis("svc.c", 5, &found));
    EXPECT("unregister", 0, bulkhead_host_unregister("svc.b", 5));
    EXPECT("only once", BULKHEAD_NOENT, bulkhead_host_unregister("svc.b", 5));
    EXPECT("whereis it now", BULKHEAD_NOENT, bulkhead_host_whereis("svc.b", 5, &found));
    EXPECT("a name that is not granted", BULKHEAD_NOTCAPABLE, bulkhead_host_register("other", 5, 0));
    EXPECT("to take back neither", BULKHEAD_NOTCAPABLE, bulkhead_host_unregister("other", 5));
    EXPECT("nor to look up", BULKHEAD_NOTCAPABLE, bulkhead_host_whereis("other", 5, &found));
    EXPECT("an empty name", BULKHEAD_INVAL, bulkhead_host_register("", 0, 0));
    EXPECT("a long one", BULKHEAD_INVAL, bulkhead_host_register(large, 256, 0));
    EXPECT("one that is no text", BULKHEAD_INVAL, bulkhead_host_register("svc.\xff", 5, 0));
    EXPECT("one that is nowhere", BULKHEAD_FAULT, bulkhead_host_register(NOWHERE, 100, 0));
    EXPECT("a handle that is not open", BULKHEAD_BADF, bulkhead_host_register("svc.d", 5, 99));
    EXPECT("out nowhere", BULKHEAD_FAULT, bulkhead_host_whereis("svc.a", 5, NOWHERE));
    struct bulkhead_child child = start_child(owning, BULKHEAD_SPAWN_MONITOR);
    take((uint64_t[]){1}, 1, 0, 0);
    EXPECT("a child's name", 0, bulkhead_host_whereis("svc.child", 9, &found));
    EXPECT("is an address", 0, bulkhead_host_send(found, 2, 0, 0, 0, 0));
    reason_of(BULKHEAD_DOWN_TAG(child.monitor));
    EXPECT("free at once when it has ended", 0, bulkhead_host_register("svc.child", 9, 0));
    EXPECT("no name for the dead", BULKHEAD_SRCH, bulkhead_host_register("svc.dead", 8, child.process));
    say("done\n");
}
