// A supervised child: what it does is its first argument.
#include "processes.h"

#define CALL(n) (1ull << 62 | 1ull << 56 | (uint32_t)(n))
#define ANSWER(n) (1ull << 62 | 2ull << 56 | (uint32_t)(n))

static char *words[16];
static uint8_t pool[60000];

static uint32_t arguments(void) {
    __wasi_size_t count = 0, size = 0;
    (void)!__wasi_args_sizes_get(&count, &size);
    if (count > 15 || size > sizeof pool) __builtin_trap();
    (void)!__wasi_args_get((uint8_t **)words, pool);
    return count;
}

static int is(const char *word, const char *wanted) { return word && strcmp(word, wanted) == 0; }

static void ack(uint32_t status, const char *data) {
    int32_t error = bulkhead_host_start_ack(status, data, (uint32_t)strlen(data));
    if (error) {
        say("ack: ");
        say(errno_name((__wasi_errno_t)error));
        say("\n");
    }
}

// Messages until the end: calls are answered, EXITs told.
static void serve(int answers) {
    static uint8_t buffer[8192];
    struct bulkhead_handle handles[4];
    struct bulkhead_message message;
    for (;;) {
        if (bulkhead_host_receive_wait(0, 0, buffer, sizeof buffer, handles, 4, &message, -1) != 0) __builtin_trap();
        if (message.kind == 1) {
            say("exit signal ");
            say(decimal(buffer[0]));
            say("\n");
            (void)!bulkhead_host_exit(buffer[0] == 1 ? 1 : 0, 0, 0);
        }
        if (answers && message.handle_count == 1) {
            (void)!bulkhead_host_send(handles[0].value, ANSWER(message.tag), buffer, message.length, 0, 0);
            (void)!bulkhead_host_handle_close(handles[0].value);
        }
    }
}

static void print_own(void) { say("descendant\n"); }

static void linger(void) {
    say("descendant\n");
    (void)!bulkhead_host_sleep(-1);
}

static void accept_forever(const char *text) {
    for (;;) {
        __wasi_fd_t connection;
        if (__wasi_sock_accept(3, 0, &connection) != 0) __builtin_trap();
        uint8_t byte;
        __wasi_iovec_t piece = {.buf = &byte, .buf_len = 1};
        __wasi_size_t done;
        if (__wasi_fd_read(connection, &piece, 1, &done) == 0 && done == 1) {
            if (byte == 'x') __builtin_trap();
            (void)!write_all(connection, text, strlen(text));
        }
        (void)!__wasi_fd_close(connection);
    }
}

static void print_surroundings(void) {
    for (uint32_t i = 0; words[i]; i++) {
        say(words[i]);
        say("|");
    }
    __wasi_size_t count = 0, size = 0;
    (void)!__wasi_environ_sizes_get(&count, &size);
    char *list[16] = {0};
    static uint8_t bytes[4096];
    if (count < 16 && size < sizeof bytes) (void)!__wasi_environ_get((uint8_t **)list, bytes);
    for (uint32_t i = 0; i < count; i++) {
        say(list[i]);
        say("|");
    }
    say("\n");
}

int main(void) {
    uint32_t count = arguments();
    const char *what = count > 1 ? words[1] : "idle";
    if (is(what, "idle")) (void)!bulkhead_host_sleep(-1);
    if (is(what, "serve")) serve(1);
    if (is(what, "deaf")) serve(0);
    if (is(what, "spin"))
        for (volatile uint64_t turns = 0;; turns++) {}
    if (is(what, "trap")) __builtin_trap();
    if (is(what, "status")) __wasi_proc_exit(3);
    if (is(what, "surroundings")) print_surroundings();
    if (is(what, "print") && count > 2) {
        say(words[2]);
        say("\n");
    }
    if (is(what, "error") && count > 2) (void)!write_all(2, words[2], strlen(words[2]));
    if (is(what, "print-idle") && count > 2) {
        say(words[2]);
        say("\n");
        (void)!bulkhead_host_sleep(-1);
    }
    if (is(what, "flood")) for (;;) say("0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\n");
    if (is(what, "long")) {
        static uint8_t text[20000];
        memset(text, 'l', sizeof text);
        (void)!write_all(1, text, sizeof text);
    }
    if (is(what, "traps-exits")) {
        REQUIRE(0, bulkhead_host_trap_exit(1));
        say("ready\n");
        serve(1);
    }
    if (is(what, "family")) {
        start(print_own);
        start(linger);
        say("parent\n");
        (void)!bulkhead_host_sleep(-1);
    }
    if (is(what, "acknowledges")) {
        ack(0, "port 7");
        ack(0, "twice");
        (void)!bulkhead_host_sleep(-1);
    }
    if (is(what, "ignores")) ack(1, "");
    if (is(what, "fails")) ack(2, "no disk");
    if (is(what, "acknowledges-ends")) ack(0, "");
    if (is(what, "memory"))
        for (;;)
            if (__builtin_wasm_memory_grow(0, 16) == (size_t)-1) {
                say("no memory\n");
                __builtin_trap();
            }
    if (is(what, "accepts") && count > 2) accept_forever(words[2]);
    return 0;
}
