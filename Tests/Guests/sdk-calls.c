// Every call of SDK/c, each checked for what it promises: a line `NAME: ok` or `NAME: FAILED` for each.
#include <bulkhead.h>

#include "sdk.h"

#define MS BULKHEAD_MILLISECONDS

static struct bulkhead_message message;
static struct {
    struct bulkhead_reason head;
    char text[4000];
} reason;

// Starts a child with a monitor, and with no argument or this one.
static struct bulkhead_child start(bulkhead_entry entry, const void *argument, uint32_t length, uint32_t flags) {
    struct bulkhead_options options = {.flags = flags, .argument = argument, .argument_length = length};
    struct bulkhead_child child = {0};
    int32_t error = bulkhead_spawn_with(entry, &options, &child);
    if (error != 0) expect("spawn", false);
    return child;
}

static struct bulkhead_child watch(bulkhead_entry entry) { return start(entry, NULL, 0, BULKHEAD_SPAWN_MONITOR); }

// Waits for a DOWN: the kind of its reason.
static uint32_t down(uint32_t monitor) {
    uint64_t tag = BULKHEAD_DOWN_TAG(monitor);
    int32_t error = bulkhead_receive_select(&tag, 1, &reason, sizeof reason, 0, 0, &message, 5 * BULKHEAD_SECONDS);
    return error == 0 && message.kind == BULKHEAD_DOWN && message.monitor == monitor ? reason.head.kind : UINT32_MAX;
}

static void quiet(void) { bulkhead_sleep(BULKHEAD_FOREVER); }
static void nothing(void) {}
static void trap(void) { __builtin_trap(); }
static void code(void) { bulkhead_proc_exit(7); }
static void bytes(void) { bulkhead_exit_bytes("because", 7); }
static void shutdown_with(void) { bulkhead_host_exit(BULKHEAD_SHUTDOWN_WITH, "because", 7); }
static void grow(void) {
    if (__builtin_wasm_memory_grow(0, 64) == SIZE_MAX) __builtin_trap();
}

// Adds one to each number that it is sent, and sends it back to the process in the message.
static void add_one(void) {
    struct bulkhead_handle from;
    uint64_t number;
    for (;;) {
        bulkhead_receive_select(0, 0, &number, sizeof number, &from, 1, &message, BULKHEAD_FOREVER);
        number++;
        bulkhead_send(from.value, message.tag, &number, sizeof number);
        bulkhead_host_handle_close(from.value);
    }
}

static void argument_back(void) {
    static uint8_t large[3000];
    struct bulkhead_handle parent;
    int32_t small = bulkhead_host_argument(large, 10, &parent, 1, &message);
    int32_t whole = bulkhead_host_argument(large, sizeof large, &parent, 1, &message);
    int32_t again = bulkhead_argument(large, sizeof large);
    bool good = small == BULKHEAD_MSGSIZE && whole == 0 && again == BULKHEAD_AGAIN && message.length == 2500;
    for (uint32_t i = 0; i < 2500; i++) good = good && large[i] == (uint8_t)(i * 7);
    bulkhead_send(parent.value, 5, &good, sizeof good);
}

static void spawning(void) {
    static uint8_t large[2500];
    for (uint32_t i = 0; i < sizeof large; i++) large[i] = (uint8_t)(i * 7);
    struct bulkhead_handle self = {.kind = BULKHEAD_PROCESS};
    struct bulkhead_options options = {.argument = large, .argument_length = sizeof large, .handles = &self, .handle_count = 1};
    struct bulkhead_child child;
    bool good = false;
    int32_t error = bulkhead_spawn_with(argument_back, &options, &child);
    if (error == 0) bulkhead_receive(&good, sizeof good, &message);
    expect("argument", good && message.tag == 5 && message.process == bulkhead_id(child.process));
    uint32_t handle;
    expect("spawn", bulkhead_spawn(nothing, NULL, 0, NULL) == 0 && bulkhead_spawn(quiet, "x", 1, &handle) == 0);
    struct bulkhead_options bad = {.flags = 1u << 20};
    expect("spawn-bad-flags", bulkhead_spawn_with(nothing, &bad, &child) == BULKHEAD_INVAL);
    struct bulkhead_options unknown = {.module = "nobody", .module_length = 6};
    expect("spawn-no-module", bulkhead_spawn_with(nothing, &unknown, &child) == BULKHEAD_NOENT);
}

static void messages(void) {
    struct bulkhead_child child = watch(add_one);
    struct bulkhead_handle self = {.kind = BULKHEAD_PROCESS};
    uint64_t number, wanted = 3;
    for (uint64_t i = 1; i <= 3; i++) {
        number = i * 10;
        bulkhead_send_handles(child.process, i, &number, sizeof number, &self, 1, BULKHEAD_FOREVER);
    }
    bulkhead_receive_select(&wanted, 1, &number, sizeof number, 0, 0, &message, BULKHEAD_FOREVER);
    expect("tags", number == 31 && message.tag == 3);
    bulkhead_receive(&number, sizeof number, &message);
    bool first = number == 11 && message.tag == 1;
    int32_t error = bulkhead_receive(&number, 4, &message);
    expect("message-size", error == BULKHEAD_MSGSIZE && message.length == 8);
    bulkhead_receive(&number, sizeof number, &message);
    expect("send", first && number == 21 && message.tag == 2);
    int32_t late = bulkhead_receive_select(0, 0, &number, sizeof number, 0, 0, &message, 5 * MS);
    int32_t now = bulkhead_receive_select(0, 0, &number, sizeof number, 0, 0, &message, 0);
    expect("receive-timeout", late == BULKHEAD_TIMEDOUT && now == BULKHEAD_TIMEDOUT);
    expect("reserved-tag", bulkhead_send(child.process, UINT64_C(1) << 63, 0, 0) == BULKHEAD_INVAL);
    expect("bad-handle", bulkhead_send(9999, 0, 0, 0) == BULKHEAD_BADF);
    expect("bad-pointer", bulkhead_send(child.process, 0, (void *)0xfffffff0, 64) == BULKHEAD_FAULT);
}

// Takes one message each time it is told to by a nap.
static void slow(void) {
    for (;;) {
        bulkhead_sleep(20 * MS);
        bulkhead_receive_select(0, 0, 0, 0, 0, 0, &message, 0);
    }
}

static void full(void) {
    struct bulkhead_limit limit = {.limit = BULKHEAD_LIMIT_MAILBOX_MESSAGES, .value = 2};
    struct bulkhead_options options = {.limits = &limit, .limit_count = 1};
    struct bulkhead_child child = {0};
    bulkhead_spawn_with(slow, &options, &child);
    int32_t error = 0;
    for (int i = 0; i < 3 && error == 0; i++) error = bulkhead_send_handles(child.process, 0, 0, 0, 0, 0, 0);
    int32_t waited = bulkhead_send(child.process, 0, 0, 0);
    expect("mailbox-full", error == BULKHEAD_AGAIN && waited == 0);
    limit.limit = BULKHEAD_LIMIT_MEMORY;
    limit.value = 2 << 20;
    options.flags = BULKHEAD_SPAWN_MONITOR;
    bulkhead_spawn_with(grow, &options, &child);
    expect("limit-memory", down(child.monitor) == BULKHEAD_TRAP);
}

static void linked_to_crash(void) {
    uint32_t child;
    bulkhead_spawn(trap, NULL, 0, &child);
    // Whichever comes first: it is gone already, or it takes the caller along.
    if (bulkhead_host_link(child) == BULKHEAD_SRCH) __builtin_trap();
    quiet();
}

static void signals(void) {
    expect("monitor-normal", down(watch(nothing).monitor) == BULKHEAD_NORMAL);
    expect("monitor-trap", down(watch(trap).monitor) == BULKHEAD_TRAP && message.length > sizeof reason.head);
    expect("monitor-code", down(watch(code).monitor) == BULKHEAD_EXIT_CODE && reason.head.code == 7);
    bool said = down(watch(bytes).monitor) == BULKHEAD_BYTES;
    expect("monitor-bytes", said && message.length == sizeof reason.head + 7 && reason.text[0] == 'b');
    said = down(watch(shutdown_with).monitor) == BULKHEAD_SHUTDOWN_WITH;
    expect("monitor-shutdown-with", said && message.length == sizeof reason.head + 7 && reason.text[0] == 'b');
    struct bulkhead_child child = watch(quiet);
    bulkhead_host_exit_process(child.process, BULKHEAD_NORMAL, 0, 0);
    bool ignored = bulkhead_host_alive(child.process) == 0;
    bulkhead_host_exit_process(child.process, BULKHEAD_SHUTDOWN, 0, 0);
    expect("exit-shutdown", ignored && down(child.monitor) == BULKHEAD_SHUTDOWN);
    expect("alive", bulkhead_host_alive(child.process) == BULKHEAD_SRCH);
    uint32_t monitor = 0;
    bulkhead_monitor(child.process, &monitor);
    expect("monitor-noproc", down(monitor) == BULKHEAD_NOPROC);
    child = watch(quiet);
    bulkhead_host_exit_process(child.process, BULKHEAD_KILL, 0, 0);
    expect("exit-kill", down(child.monitor) == BULKHEAD_KILLED);
    child = watch(nothing);
    while (bulkhead_host_alive(child.process) == 0) bulkhead_sleep(MS);
    bulkhead_host_demonitor(child.monitor, 1);
    uint64_t tag = BULKHEAD_DOWN_TAG(child.monitor);
    int32_t error = bulkhead_receive_select(&tag, 1, &reason, sizeof reason, 0, 0, &message, 0);
    expect("demonitor", error == BULKHEAD_TIMEDOUT);
    uint32_t kind = down(watch(linked_to_crash).monitor);
    expect("link", kind == BULKHEAD_TRAP);
    bulkhead_host_trap_exit(1);
    child = start(quiet, NULL, 0, BULKHEAD_SPAWN_LINK);
    tag = BULKHEAD_EXIT_TAG(bulkhead_id(child.process));
    bulkhead_host_exit_process(child.process, BULKHEAD_SHUTDOWN, 0, 0);
    error = bulkhead_receive_select(&tag, 1, &reason, sizeof reason, 0, 0, &message, 5 * BULKHEAD_SECONDS);
    expect("trap-exit", error == 0 && message.kind == BULKHEAD_EXIT && reason.head.kind == BULKHEAD_SHUTDOWN);
    child = start(quiet, NULL, 0, BULKHEAD_SPAWN_LINK | BULKHEAD_SPAWN_MONITOR);
    tag = BULKHEAD_EXIT_TAG(bulkhead_id(child.process));
    bulkhead_host_unlink(child.process);
    bulkhead_host_exit_process(child.process, BULKHEAD_KILL, 0, 0);
    kind = down(child.monitor);
    error = bulkhead_receive_select(&tag, 1, &reason, sizeof reason, 0, 0, &message, 0);
    expect("unlink", kind == BULKHEAD_KILLED && error == BULKHEAD_TIMEDOUT);
    bulkhead_host_trap_exit(0);
}

static void names(void) {
    struct bulkhead_child child = watch(quiet);
    uint32_t found = 0, copy = 0;
    expect("register", bulkhead_register("calls.one", child.process) == 0);
    expect("register-twice", bulkhead_register("calls.one", BULKHEAD_SELF) == BULKHEAD_EXIST);
    bool same = bulkhead_whereis("calls.one", &found) == 0 && bulkhead_id(found) == bulkhead_id(child.process);
    expect("whereis", same && bulkhead_whereis("calls.none", &found) == BULKHEAD_NOENT);
    expect("unregister", bulkhead_host_unregister("calls.one", 9) == 0 && bulkhead_whereis("calls.one", &found) != 0);
    bulkhead_register("calls.two", child.process);
    bulkhead_host_exit_process(child.process, BULKHEAD_KILL, 0, 0);
    down(child.monitor);
    expect("name-released", bulkhead_register("calls.two", BULKHEAD_SELF) == 0);
    expect("register-denied", bulkhead_register("other", BULKHEAD_SELF) == BULKHEAD_NOTCAPABLE);
    expect("whereis-denied", bulkhead_whereis("other", &found) == BULKHEAD_NOTCAPABLE);
    child = watch(quiet);
    same = bulkhead_host_handle_duplicate(child.process, &copy) == 0 && bulkhead_id(copy) == bulkhead_id(child.process);
    bool closed = bulkhead_host_handle_close(copy) == 0 && bulkhead_host_handle_close(copy) == BULKHEAD_BADF;
    expect("duplicate", same && closed && bulkhead_host_alive(child.process) == 0);
    uint32_t alias = 0;
    bulkhead_host_alias(&alias);
    uint64_t number = 4;
    bool sent = bulkhead_send(alias, 1, &number, sizeof number) == 0;
    bool got = bulkhead_receive_select(0, 0, &number, sizeof number, 0, 0, &message, 0) == 0;
    bulkhead_host_handle_duplicate(alias, &copy);
    bulkhead_host_handle_close(alias);
    bulkhead_send(copy, 1, &number, sizeof number);
    bool silent = bulkhead_receive_select(0, 0, &number, sizeof number, 0, 0, &message, 0) == BULKHEAD_TIMEDOUT;
    expect("alias", sent && got && silent);
}

static void spawn_denied(void) {
    uint32_t parent = bulkhead_take_process();
    int32_t error = bulkhead_spawn(nothing, NULL, 0, NULL);
    bulkhead_send(parent, 0, &error, sizeof error);
}

static void narrowing(void) {
    struct bulkhead_handle self = {.kind = BULKHEAD_PROCESS};
    struct bulkhead_options options = {.handles = &self, .handle_count = 1, .without = BULKHEAD_SPAWN};
    struct bulkhead_child child;
    int32_t error = bulkhead_spawn_with(spawn_denied, &options, &child), denied = 0;
    if (error == 0) bulkhead_receive(&denied, sizeof denied, &message);
    expect("without-spawn", denied == BULKHEAD_NOTCAPABLE);
    struct bulkhead_options policy = {.policy = "nobody", .policy_length = 6};
    error = bulkhead_spawn_with(nothing, &policy, &child);
    expect("policy-denied", error == BULKHEAD_NOTCAPABLE || error == BULKHEAD_NOENT);
    expect("abi-version", bulkhead_host_abi_version() == 1);
    bulkhead_sleep(2 * MS);
    expect("sleep", true);
}

static void echo(void) {
    int32_t connection = bulkhead_take_descriptor(), count;
    char text[100];
    while ((count = bulkhead_read(connection, text, sizeof text)) > 0) bulkhead_write(connection, text, (uint32_t)count);
}

static uint32_t port_of(int32_t fd) {
    char address[64];
    uint32_t length = 0, port = 0;
    if (bulkhead_host_socket_address(fd, 0, address, sizeof address, &length) != 0) return 0;
    while (length > 0 && address[length - 1] != ':') length--;
    for (; address[length] >= '0' && address[length] <= '9'; length++) port = port * 10 + (uint32_t)(address[length] - '0');
    return port;
}

static void network(void) {
    int32_t listener = -1, client = -1, served = -1;
    expect("tcp-listen", bulkhead_tcp_listen("127.0.0.1", 0, &listener) == 0 && port_of(listener) != 0);
    expect("tcp-connect", bulkhead_tcp_connect("127.0.0.1", port_of(listener), &client) == 0);
    expect("tcp-accept", bulkhead_accept(listener, &served) == 0);
    bool moved = bulkhead_spawn_descriptor(echo, served) == 0;
    char text[8] = {0};
    expect("descriptor-moved", moved && bulkhead_read(served, text, 1) == -BULKHEAD_BADF);
    bulkhead_write(client, "hello", 5);
    int32_t count = 0;
    for (int32_t more = 1; more > 0 && count < 5; count += more) more = bulkhead_read(client, text + count, (uint32_t)(5 - count));
    expect("tcp-echo", count == 5 && text[0] == 'h' && text[4] == 'o');
    expect("close", bulkhead_close(client) == 0 && bulkhead_close(client) == BULKHEAD_BADF);
    expect("tcp-denied", bulkhead_tcp_connect("127.0.0.1", 1, &client) == BULKHEAD_NOTCAPABLE);
    uint32_t length = 0;
    int32_t error = bulkhead_host_resolve("localhost", 9, reason.text, sizeof reason.text, &length);
    expect("resolve", error == 0 && length > 0);
    expect("resolve-denied", bulkhead_host_resolve("elsewhere", 9, reason.text, 100, &length) == BULKHEAD_NOTCAPABLE);
}

static void unix_sockets(const char *directory) {
    char address[128] = "unix:", others[128] = {0};
    char *path = address + 5;
    uint32_t length = bulkhead_length(directory);
    if (length > 100) __builtin_trap();
    for (uint32_t i = 0; i < length; i++) path[i] = directory[i];
    for (uint32_t i = 0; i < sizeof "/calls.sock"; i++) path[length + i] = "/calls.sock"[i];
    length = bulkhead_length(path);
    int32_t listener = -1, client = -1, served = -1;
    expect("unix-absent", bulkhead_host_unix_connect(path, length, &client) == BULKHEAD_NOENT);
    bool listening = bulkhead_host_unix_listen(path, length, 4, &listener) == 0;
    uint32_t count = 0;
    int32_t error = bulkhead_host_socket_address(listener, 0, others, sizeof others, &count);
    expect("unix-listen", listening && error == 0 && count == length + 5 && same(others, address, count));
    bool connected = bulkhead_host_unix_connect(path, length, &client) == 0;
    error = bulkhead_host_socket_address(client, 1, others, sizeof others, &count);
    expect("unix-connect", connected && error == 0 && count == length + 5 && same(others, address, count));
    expect("unix-accept", bulkhead_accept(listener, &served) == 0);
    bool written = bulkhead_spawn_descriptor(echo, served) == 0 && bulkhead_write(client, "hello", 5) == 0;
    int32_t got = 0;
    for (int32_t more = 1; more > 0 && got < 5; got += more)
        more = bulkhead_read(client, others + got, (uint32_t)(5 - got));
    expect("unix-echo", written && got == 5 && same(others, "hello", 5));
    expect("unix-in-use", bulkhead_host_unix_listen(path, length, 4, &listener) == 3);
    error = bulkhead_host_unix_listen("/run/other.sock", 15, 4, &listener);
    bool both = bulkhead_host_unix_connect("/run/other.sock", 15, &client) == error;
    expect("unix-denied", both && error == BULKHEAD_NOTCAPABLE);
}

// The program is nobody's supervised child.
static void supervised(void) {
    bool nobody = bulkhead_host_start_ack(0, "port 7", 6) == BULKHEAD_NOENT;
    nobody = nobody && bulkhead_host_start_ack(1, NULL, 0) == BULKHEAD_NOENT;
    expect("start-ack-nobody", nobody && bulkhead_host_start_ack(2, "no disk", 7) == BULKHEAD_NOENT);
    static const char large[4097];
    expect("start-ack-size", bulkhead_host_start_ack(0, large, sizeof large) == BULKHEAD_MSGSIZE);
}

// sdk-servers.c has what a server promises.
int main(int count, char **words) {
    if (count != 2) __builtin_trap();
    spawning();
    messages();
    full();
    signals();
    names();
    narrowing();
    network();
    unix_sockets(words[1]);
    supervised();
    return finish();
}
