// SECONDS SEED PORT: everything that processes can do, at random, for so long. Then all of them are ended, and each budget must be
// as wide as it was at the start: whatever is still charged then has leaked.
//
// Prints `calm` before it begins and `quiet` when all has ended, and waits a second after each, so that an observer can count.
#include <stdbool.h>

#include <bulkhead.h>
#include "guest.h"

enum { most_workers = 150, most_children = 1024, second = 1000000000 };

enum what {
    note, trap, exit_code, exit_bytes, finish, spin, spin_on, link_to, unlink_from, nest, talk, nap, grow, forward, take_name,
    call, flood, write_file, watch, kinds
};

struct order {
    uint32_t what, argument;
};

static uint64_t state;

static uint32_t below(uint32_t bound) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (uint32_t)(state >> 32) % bound;
}

static uint64_t now(void) {
    __wasi_timestamp_t time = 0;
    (void)__wasi_clock_time_get(__WASI_CLOCKID_MONOTONIC, 1, &time);
    return time;
}

static struct bulkhead_handle duplicate(uint32_t process) {
    return (struct bulkhead_handle){.kind = BULKHEAD_PROCESS, .value = process};
}

static uint64_t number(const char *text) {
    uint64_t value = 0;
    while (*text >= '0' && *text <= '9') value = value * 10 + (uint64_t)(*text++ - '0');
    return value;
}

// ---- What the workers do

static uint32_t port;
static uint8_t scratch[8192];

static void wait_for_ever(void) {
    struct bulkhead_message message;
    for (;;) {
        if (bulkhead_receive(scratch, sizeof scratch, &message) != 0) return;
    }
}

// Started by a worker: ends when that one has ended. A link would not do: nobody ends because another has ended normally.
static void follow(void) {
    uint32_t monitor;
    struct bulkhead_message message;
    if (bulkhead_monitor(bulkhead_take_process(), &monitor) != 0) return;
    uint64_t tag = BULKHEAD_DOWN_TAG(monitor);
    (void)bulkhead_receive_select(&tag, 1, scratch, sizeof scratch, 0, 0, &message, BULKHEAD_FOREVER);
}

static void spin_for(uint64_t nanoseconds) {
    for (uint64_t end = now() + nanoseconds; nanoseconds == 0 || now() < end;) {}
}

static void talk_to_server(uint32_t argument) {
    int32_t fd;
    if (bulkhead_tcp_connect("127.0.0.1", port, &fd) != 0) return;
    // Some ask the server's end to crash, and some crash themselves with the connection open.
    scratch[0] = argument % 4 == 0 ? 'c' : 'e';
    if (bulkhead_write(fd, scratch, 1 + argument % 4000) == 0) (void)bulkhead_read(fd, scratch, sizeof scratch);
    if (argument % 4 == 1) __builtin_trap();
    if (argument % 4 != 2) (void)bulkhead_close(fd);
}

static void use_file(uint32_t argument) {
    __wasi_fd_t fd;
    char name[] = "file-0";
    name[5] = (char)('0' + argument % 8);
    // The first directory that is mounted, if there is one: some were started without.
    if (__wasi_path_open(3, 0, name, __WASI_OFLAGS_CREAT, READ_RIGHTS | WRITE_RIGHTS, 0, 0, &fd) != 0) return;
    (void)!write_all(fd, scratch, sizeof scratch);
    (void)__wasi_fd_datasync(fd);
    if (argument % 3 != 0) (void)__wasi_fd_close(fd);
}

// Sends without waiting until it is not taken any more.
static void fill(uint32_t process, uint32_t length) {
    for (uint32_t i = 0; i < 20000; i++) {
        if (bulkhead_host_send(process, note, scratch, length, 0, 0) != 0) return;
    }
}

// Carries out an order; true to end.
static bool perform(struct order order, const struct bulkhead_handle *handles, uint32_t count) {
    uint32_t argument = order.argument, other = count > 0 && handles[0].kind == BULKHEAD_PROCESS ? handles[0].value : BULKHEAD_SELF;
    struct bulkhead_message message;
    switch ((enum what)order.what) {
    case trap: __builtin_trap();
    case exit_code: __wasi_proc_exit(argument % 100);
    case exit_bytes: bulkhead_exit_bytes(scratch, argument % 1000);
    case finish: return true;
    case spin: spin_for(1000 + argument % 10000000); break;
    case spin_on: spin_for(0); break;
    case link_to: (void)bulkhead_host_link(other); break;
    case unlink_from: (void)bulkhead_host_unlink(other); break;
    case nest:
        for (uint32_t i = 0; i < 1 + argument % 4; i++) {
            struct bulkhead_handle self = duplicate(BULKHEAD_SELF);
            struct bulkhead_options options = {
                .flags = argument & 8 ? BULKHEAD_SPAWN_LINK : 0, .handles = &self, .handle_count = 1};
            struct bulkhead_child child;
            if (bulkhead_spawn_with(follow, &options, &child) == 0) (void)bulkhead_host_handle_close(child.process);
        }
        break;
    case talk: talk_to_server(argument); break;
    case nap: bulkhead_sleep(argument % 20000000); break;
    case grow: (void)__builtin_wasm_memory_grow(0, argument % 8); break;
    case forward: {
        struct order quiet = {note, 0};
        struct bulkhead_handle self = duplicate(BULKHEAD_SELF);
        (void)bulkhead_send_handles(other, note, &quiet, sizeof quiet, &self, 1, argument % 1000000);
        break;
    }
    case take_name: {
        char name[] = "name-0";
        uint32_t found;
        name[5] = (char)('0' + argument % 10);
        (void)bulkhead_register(name, BULKHEAD_SELF);
        if (bulkhead_whereis(name, &found) == 0) (void)bulkhead_host_handle_close(found);
        if (argument % 2) (void)bulkhead_host_unregister(name, sizeof name - 1);
        break;
    }
    // Nobody answers, so this ends by time or by DOWN, and the alias is gone afterwards.
    case call: (void)bulkhead_call(other, &order, sizeof order, scratch, sizeof scratch, &message, argument % 5000000); break;
    case flood:
        if (other != BULKHEAD_SELF) fill(other, argument % 4096);
        break;
    case write_file: use_file(argument); break;
    case watch: {
        uint32_t monitor;
        if (bulkhead_monitor(other, &monitor) == 0 && argument % 2) (void)bulkhead_host_demonitor(monitor, argument & 2 ? 1 : 0);
        break;
    }
    case note:
    case kinds: break;
    }
    return false;
}

// The next message, if one comes in time; true to end.
static bool work(int64_t timeout) {
    static struct bulkhead_handle handles[BULKHEAD_HANDLES_MAX];
    struct bulkhead_message message;
    int32_t error = bulkhead_receive_select(0, 0, scratch, sizeof scratch, handles, BULKHEAD_HANDLES_MAX, &message, timeout);
    if (error != 0) return error != BULKHEAD_TIMEDOUT;
    struct order order = {note, 0};
    if (message.kind == BULKHEAD_DATA && message.length == sizeof order) memcpy(&order, scratch, sizeof order);
    bool ends = perform(order, handles, message.handle_count);
    bulkhead_drop(handles, message.handle_count);
    return ends;
}

static int32_t on_message(void) { return work(0); }

static void start_work(void) {
    uint64_t given[2];
    if (bulkhead_argument(given, sizeof given) != 0) return;
    state = given[0];
    port = (uint32_t)given[1];
    if (bulkhead_module.is_handler) {
        bulkhead_on_message(on_message);
        return;
    }
    while (!work(below(4) == 0 ? below(5000000) : BULKHEAD_FOREVER)) {}
}

// ---- The server that they talk to, a process for each connection

static void serve(void) {
    int32_t fd = bulkhead_take_descriptor();
    for (;;) {
        int32_t length = bulkhead_read(fd, scratch, sizeof scratch);
        if (length <= 0) return;
        if (scratch[0] == 'c') __builtin_trap();
        if (bulkhead_write(fd, scratch, (uint32_t)length) != 0) return;
    }
}

static void listen_and_serve(void) {
    int32_t listener, fd;
    if (bulkhead_argument(&port, sizeof port) != 0) return;
    int32_t error = bulkhead_tcp_listen("127.0.0.1", port, &listener);
    if (error != 0) {
        outcome("tcp_listen", (__wasi_errno_t)error);
        return;
    }
    for (;;) {
        if (bulkhead_accept(listener, &fd) != 0)
            bulkhead_sleep(1000000);
        else if (bulkhead_spawn_descriptor(serve, fd) != 0)
            (void)bulkhead_close(fd);
    }
}

// ---- Budgets: how much of each there is to take

struct budgets {
    uint32_t processes, handles, messages, pages;
};

static void await_monitor(uint32_t monitor) {
    uint64_t tag = BULKHEAD_DOWN_TAG(monitor);
    struct bulkhead_message message;
    // The reason does not matter, nor whether it fits.
    if (bulkhead_receive_select(&tag, 1, scratch, sizeof scratch, 0, 0, &message, 5ll * second) == BULKHEAD_TIMEDOUT)
        say("lost: a DOWN\n");
}

static uint32_t count_processes(void) {
    static struct bulkhead_child children[most_children];
    uint32_t count = 0;
    struct bulkhead_options options = {.flags = BULKHEAD_SPAWN_MONITOR};
    while (count < most_children && bulkhead_spawn_with(wait_for_ever, &options, &children[count]) == 0) count++;
    for (uint32_t i = 0; i < count; i++) (void)bulkhead_host_exit_process(children[i].process, BULKHEAD_KILL, 0, 0);
    for (uint32_t i = 0; i < count; i++) {
        await_monitor(children[i].monitor);
        (void)bulkhead_host_handle_close(children[i].process);
    }
    return count;
}

static uint32_t count_handles(void) {
    static uint32_t handles[8192];
    uint32_t count = 0;
    while (count < 8192 && bulkhead_host_handle_duplicate(BULKHEAD_SELF, &handles[count]) == 0) count++;
    for (uint32_t i = 0; i < count; i++) (void)bulkhead_host_handle_close(handles[i]);
    return count;
}

static uint32_t count_messages(void) {
    uint32_t count = 0;
    uint64_t tag = 7;
    struct bulkhead_message message;
    while (bulkhead_host_send(BULKHEAD_SELF, tag, scratch, sizeof scratch, 0, 0) == 0) count++;
    for (uint32_t i = 0; i < count; i++) (void)bulkhead_host_receive(&tag, 1, scratch, sizeof scratch, 0, 0, &message);
    return count;
}

static void grow_up(void) {
    uint32_t pages = 0, parent = bulkhead_take_process();
    while (__builtin_wasm_memory_grow(0, 1) != SIZE_MAX) pages++;
    (void)bulkhead_send(parent, 9, &pages, sizeof pages);
}

static uint32_t count_pages(void) {
    uint32_t pages = 0;
    uint64_t tag = 9;
    struct bulkhead_handle self = duplicate(BULKHEAD_SELF);
    struct bulkhead_options options = {.flags = BULKHEAD_SPAWN_MONITOR, .handles = &self, .handle_count = 1};
    struct bulkhead_child child;
    struct bulkhead_message message;
    if (bulkhead_spawn_with(grow_up, &options, &child) != 0) return 0;
    (void)bulkhead_receive_select(&tag, 1, &pages, sizeof pages, 0, 0, &message, 5ll * second);
    await_monitor(child.monitor);
    (void)bulkhead_host_handle_close(child.process);
    return pages;
}

static struct budgets measure(void) {
    struct budgets found;
    // One after the other: what one of them takes is not there for the next.
    found.processes = count_processes(), found.handles = count_handles();
    found.messages = count_messages(), found.pages = count_pages();
    return found;
}

static bool compare(const char *name, uint32_t before, uint32_t after, bool tells) {
    if (tells) {
        say(before == after ? "budget " : "LEAKED ");
        say(name), say(" "), say(decimal(before)), say(" "), say(decimal(after)), say("\n");
    }
    return before == after;
}

static bool same(struct budgets before, struct budgets after, bool tells) {
    bool all = compare("processes", before.processes, after.processes, tells);
    all = compare("handles", before.handles, after.handles, tells) && all;
    all = compare("messages", before.messages, after.messages, tells) && all;
    return compare("pages", before.pages, after.pages, tells) && all;
}

// ---- The first process gives the orders

static struct bulkhead_child workers[most_workers];
static uint32_t living;
static uint64_t started, ended, exits, sent, refused;

static void hire(void) {
    if (living == most_workers) return;
    uint64_t given[2] = {state | 1, port};
    struct bulkhead_options options = {
        .flags = BULKHEAD_SPAWN_MONITOR | (below(3) == 0 ? BULKHEAD_SPAWN_LINK : 0) | (below(2) ? BULKHEAD_SPAWN_HANDLER : 0),
        .argument = given, .argument_length = sizeof given};
    // Some are started with less than the others.
    struct bulkhead_limit limit = {.limit = BULKHEAD_LIMIT_MAILBOX_MESSAGES, .value = 100};
    if (below(4) == 0) options.without = BULKHEAD_FS;
    if (below(4) == 0) options.limits = &limit, options.limit_count = 1;
    if (bulkhead_spawn_with(start_work, &options, &workers[living]) == 0) {
        living++;
        started++;
    } else {
        refused++;
    }
}

// Takes what is in the mailbox: ends of workers, and what they send to everyone.
static void read_mail(int64_t timeout) {
    static struct bulkhead_handle handles[BULKHEAD_HANDLES_MAX];
    struct bulkhead_message message;
    while (bulkhead_receive_select(0, 0, scratch, sizeof scratch, handles, BULKHEAD_HANDLES_MAX, &message, timeout) == 0) {
        timeout = 0;
        bulkhead_drop(handles, message.handle_count);
        exits += message.kind == BULKHEAD_EXIT;
        if (message.kind != BULKHEAD_DOWN) continue;
        for (uint32_t i = 0; i < living; i++) {
            if (workers[i].monitor != message.monitor) continue;
            (void)bulkhead_host_handle_close(workers[i].process);
            workers[i] = workers[--living];
            ended++;
            break;
        }
    }
}

static void order_someone(void) {
    uint32_t chosen = below(living);
    struct order order = {below(kinds), below(1 << 30)};
    struct bulkhead_handle other = duplicate(below(8) == 0 ? BULKHEAD_SELF : workers[below(living)].process);
    // The first process is not to be flooded all the time, or it would do nothing else than read.
    if (order.what == flood && other.value == BULKHEAD_SELF) order.what = note;
    int32_t error = bulkhead_host_send(workers[chosen].process, note, &order, sizeof order, &other, 1);
    if (error == 0)
        sent++;
    else
        refused++;
    uint32_t process = workers[chosen].process;
    if (order.what == spin_on || below(64) == 0) (void)bulkhead_host_exit_process(process, BULKHEAD_KILL, 0, 0);
    if (below(64) == 0) (void)bulkhead_host_exit_process(process, BULKHEAD_BYTES, scratch, below(200));
}

int main(int argc, char **argv) {
    if (argc < 4) return 64;
    uint64_t seconds = number(argv[1]);
    state = number(argv[2]) | 1;
    port = (uint32_t)number(argv[3]);
    (void)bulkhead_host_trap_exit(1);
    // Twice, so that whatever is made once has been made.
    (void)measure();
    struct budgets before = measure();
    say("calm\n");
    bulkhead_sleep(second);

    struct bulkhead_options options = {.flags = BULKHEAD_SPAWN_MONITOR, .argument = &port, .argument_length = sizeof port};
    struct bulkhead_child server;
    outcome("server", (__wasi_errno_t)bulkhead_spawn_with(listen_and_serve, &options, &server));
    for (uint64_t end = now() + seconds * second; now() < end;) {
        for (uint32_t i = below(8); i > 0; i--) hire();
        for (uint32_t i = below(32); i > 0 && living > 0; i--) order_someone();
        read_mail(below(4) == 0 ? below(3000000) : 0);
    }
    (void)bulkhead_host_exit_process(server.process, BULKHEAD_KILL, 0, 0);
    (void)bulkhead_host_handle_close(server.process);
    for (uint32_t i = 0; i < living; i++) (void)bulkhead_host_exit_process(workers[i].process, BULKHEAD_KILL, 0, 0);
    for (uint64_t end = now() + 20ull * second; living > 0 && now() < end;) read_mail(100000000);
    const char *const names[] = {"started", "ended", "exits", "sent", "refused", "living"};
    const uint64_t counts[] = {started, ended, exits, sent, refused, living};
    for (uint32_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        say(names[i]), say(" "), say(decimal(counts[i])), say("\n");
    }
    // What was linked to a worker, or served it, ends a little later.
    struct budgets after = measure();
    for (uint32_t turn = 0; turn < 100 && !same(before, after, false); turn++) {
        bulkhead_sleep(100000000);
        read_mail(0);
        after = measure();
    }
    bool sound = same(before, after, true) && living == 0;
    say("quiet\n");
    bulkhead_sleep(second);
    return sound ? 0 : 1;
}
