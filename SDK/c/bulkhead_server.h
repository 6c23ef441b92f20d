// Servers, and what the host calls in a child: the second half of bulkhead.h, which includes it.
#pragma once

// ---- Servers: call, cast and info as in Erlang's gen_server. The same text serves on a blocking process and on a
// handler. Between programs: a call has the tag `1<<62 | 1<<56 | monitor` and the caller's alias as its last handle;
// its answer goes to the alias under `1<<62 | 2<<56 | monitor`; a cast has the tag `1<<62 | 3<<56`. So tags of your own
// stay below `1<<62`.

#define BULKHEAD_CALL_TAG (UINT64_C(1) << 62 | UINT64_C(1) << 56)
#define BULKHEAD_REPLY_TAG (UINT64_C(1) << 62 | UINT64_C(2) << 56)
#define BULKHEAD_CAST_TAG (UINT64_C(1) << 62 | UINT64_C(3) << 56)
enum { BULKHEAD_HANDLES_MAX = 64 };

/// Who waits for an answer.
struct bulkhead_caller {
    uint32_t alias, call;
};

/// What a server is asked. Data and handles are the server's until its function returns; handles not taken are then
/// closed.
struct bulkhead_request {
    const struct bulkhead_message *message;
    const void *data;
    uint32_t length, handle_count;
    struct bulkhead_handle *handles;
    struct bulkhead_caller from;
};

/// Each function returns 0 to go on and anything else to end normally. One that is absent ignores what it would get.
/// State must outlive the entry function: make it static, or allocate it. Each process has its own.
struct bulkhead_server {
    void *state;
    int32_t (*call)(void *state, struct bulkhead_request *request);
    int32_t (*cast)(void *state, struct bulkhead_request *request);
    /// Every other message, EXIT and DOWN among them.
    int32_t (*info)(void *state, struct bulkhead_request *request);
};

/// Keeps a handle of a request: it is the server's from then on.
static inline uint32_t bulkhead_take(struct bulkhead_request *request, uint32_t index) {
    uint32_t value = request->handles[index].value;
    request->handles[index].value = UINT32_MAX;
    return value;
}

/// Keeps the caller of a request, to answer later, once.
static inline struct bulkhead_caller bulkhead_later(struct bulkhead_request *request) {
    struct bulkhead_caller from = request->from;
    request->from.alias = UINT32_MAX;
    return from;
}

/// Answers a caller. One that has given up hears nothing, which is no error. Errors: `again` its mailbox is full,
/// `msgsize`.
static inline int32_t bulkhead_answer(struct bulkhead_caller from, const void *data, uint32_t length) {
    int32_t error = bulkhead_host_send(from.alias, BULKHEAD_REPLY_TAG | from.call, data, length, 0, 0);
    (void)bulkhead_host_handle_close(from.alias);
    return error == BULKHEAD_SRCH ? 0 : error;
}

/// Answers a request. Errors as `bulkhead_answer`.
static inline int32_t bulkhead_reply(struct bulkhead_request *request, const void *data, uint32_t length) {
    return bulkhead_answer(bulkhead_later(request), data, length);
}

// One for the module, whatever number of files include this.
__attribute__((weak)) struct bulkhead_module_state {
    const struct bulkhead_server *server;
    int32_t (*on_message)(void);
    uint8_t *spare;
    uint32_t spare_capacity;
    bool is_handler;
} bulkhead_module;

static inline void bulkhead_drop(struct bulkhead_handle *handles, uint32_t count) {
    for (uint32_t i = 0; i < count; i++) {
        if (handles[i].value == UINT32_MAX) continue;
        if (handles[i].kind == BULKHEAD_PROCESS) (void)bulkhead_host_handle_close(handles[i].value);
        else (void)bulkhead_close((int32_t)handles[i].value);
    }
}

// Room for a large message, from pages of its own; NULL when there is no memory for it.
static inline uint8_t *bulkhead_room(uint32_t length) {
    if (length > bulkhead_module.spare_capacity) {
        uint32_t pages = (length + 65535u) / 65536u;
        size_t old = __builtin_wasm_memory_grow(0, pages);
        if (old == SIZE_MAX) return NULL;
        bulkhead_module.spare = (uint8_t *)(old * 65536u);
        bulkhead_module.spare_capacity = pages * 65536u;
    }
    return bulkhead_module.spare;
}

// Takes one message through a server. 0 to go on, 1 to end; 2 when there is none.
static inline int32_t bulkhead_serve_one(const struct bulkhead_server *server, int64_t timeout) {
    uint64_t first[32];
    struct bulkhead_handle handles[BULKHEAD_HANDLES_MAX];
    struct bulkhead_message message;
    void *data = first;
    int32_t error = bulkhead_receive_select(0, 0, data, sizeof first, handles, BULKHEAD_HANDLES_MAX, &message, timeout);
    if (error == BULKHEAD_MSGSIZE) {
        data = bulkhead_room(message.length);
        if (data == NULL) bulkhead_exit_bytes("no memory for a message", 23);
        error = bulkhead_host_receive(0, 0, data, message.length, handles, BULKHEAD_HANDLES_MAX, &message);
    }
    if (error != 0) return 2;
    struct bulkhead_caller nobody = {UINT32_MAX, (uint32_t)message.tag};
    struct bulkhead_request request = {&message, data, message.length, message.handle_count, handles, nobody};
    int32_t (*function)(void *, struct bulkhead_request *) = server->info;
    if (message.kind == BULKHEAD_DATA && message.tag == BULKHEAD_CAST_TAG) function = server->cast;
    if (message.kind == BULKHEAD_DATA && message.tag >> 32 == BULKHEAD_CALL_TAG >> 32 && message.handle_count > 0 &&
        handles[message.handle_count - 1].kind == BULKHEAD_PROCESS) {
        function = server->call;
        request.from.alias = handles[--request.handle_count].value;
    }
    int32_t ended = function != NULL && function(server->state, &request) != 0;
    bulkhead_drop(handles, request.handle_count);
    if (request.from.alias != UINT32_MAX) (void)bulkhead_host_handle_close(request.from.alias);
    return ended;
}

/// Serves until a function of the server says to end. Call it last in a child's entry function: on a blocking process
/// it returns when the server has ended (suspends), on a handler at once, and the host's calls go on from there.
static inline void bulkhead_serve(const struct bulkhead_server *server) {
    bulkhead_module.server = server;
    if (bulkhead_module.is_handler) return;
    while (bulkhead_serve_one(server, BULKHEAD_FOREVER) != 1) {}
}

/// For a handler process without a server: `function` runs for each message and takes it by `receive`; 0 to go on, 1 to
/// end.
static inline void bulkhead_on_message(int32_t (*function)(void)) { bulkhead_module.on_message = function; }

/// Asks a server without waiting for an answer. Errors as `bulkhead_send`. Suspends when its mailbox is full.
static inline int32_t bulkhead_cast(uint32_t process, const void *request, uint32_t length) {
    return bulkhead_send(process, BULKHEAD_CAST_TAG, request, length);
}

/// Asks a server and waits for its answer, as gen_server:call/3: `answer.length` bytes of it are then in `reply`.
/// `timeout` holds for sending and for waiting, each. Errors: `timedout` (a late answer is dropped), `srch` the server
/// is gone or went (then `answer.kind` is DOWN and `reply` has the reason, if it fits), `deadlk` (16) it is the caller,
/// `msgsize` the answer did not fit and is lost. Suspends.
static inline int32_t bulkhead_call(uint32_t process, const void *request, uint32_t length, void *reply,
                                    uint32_t capacity, struct bulkhead_message *answer, int64_t timeout) {
    uint32_t out[2];
    if (bulkhead_id(process) == bulkhead_id(BULKHEAD_SELF)) return 16;
    int32_t error = bulkhead_host_monitor(process, 1, out);
    if (error != 0) return error;
    struct bulkhead_handle alias = {BULKHEAD_PROCESS, BULKHEAD_MOVE, out[1]};
    uint64_t tags[2] = {BULKHEAD_REPLY_TAG | out[0], BULKHEAD_DOWN_TAG(out[0])};
    error = bulkhead_send_handles(process, BULKHEAD_CALL_TAG | out[0], request, length, &alias, 1, timeout);
    if (error != 0) (void)bulkhead_host_handle_close(out[1]);
    // Of a server that is gone the DOWN is there and says more.
    if (error == 0 || error == BULKHEAD_SRCH)
        error = bulkhead_receive_select(tags, 2, reply, capacity, 0, 0, answer, timeout);
    bool down = (error == 0 || error == BULKHEAD_MSGSIZE) && answer->kind == BULKHEAD_DOWN;
    if (down && error == 0) return BULKHEAD_SRCH;
    (void)bulkhead_host_demonitor(out[0], 1);
    if (down) return BULKHEAD_SRCH;
    // An answer that came at the last moment counts.
    if (error == BULKHEAD_TIMEDOUT) error = bulkhead_receive_select(tags, 1, reply, capacity, 0, 0, answer, 0);
    if (error == BULKHEAD_MSGSIZE) {
        struct bulkhead_handle handles[BULKHEAD_HANDLES_MAX];
        uint8_t *room = bulkhead_room(answer->length);
        uint32_t size = answer->length;
        if (room != NULL &&
            bulkhead_host_receive(tags, 1, room, size, handles, BULKHEAD_HANDLES_MAX, answer) == 0)
            bulkhead_drop(handles, answer->handle_count);
    }
    return error;
}

// ---- What the host calls in a child

void __wasm_call_ctors(void);
__attribute__((weak)) void __wasm_call_dtors(void);

// A child has no main, so constructors run here, and what libc holds back is written here.
__attribute__((weak, export_name("bulkhead_spawned"))) void bulkhead_spawned(uint32_t entry) {
    __wasm_call_ctors();
    bulkhead_module.is_handler = (entry & BULKHEAD_ENTRY_HANDLER) != 0;
    ((bulkhead_entry)(uintptr_t)(entry & ~BULKHEAD_ENTRY_HANDLER))();
    if (!bulkhead_module.is_handler && __wasm_call_dtors != NULL) __wasm_call_dtors();
}

// Debian 12's wasi-libc leaves main's constructors to the linker, which sees to them only where nobody calls them by
// name, as above. `-Wl,--wrap=__original_main` leads its _start here. A newer one runs them itself and never comes here.
__attribute__((weak)) int __real___original_main(void);
__attribute__((weak)) int __wrap___original_main(void) {
    __wasm_call_ctors();
    int status = __real___original_main();
    if (__wasm_call_dtors != NULL) __wasm_call_dtors();
    return status;
}

__attribute__((weak, export_name("bulkhead_message"))) int32_t bulkhead_message(void) {
    if (bulkhead_module.on_message != NULL) return bulkhead_module.on_message();
    if (bulkhead_module.server == NULL) return 1;
    // One is enough, unless a call within passed over others.
    bulkhead_passed_over = false;
    int32_t next = bulkhead_serve_one(bulkhead_module.server, 0);
    while (next == 0 && bulkhead_passed_over) next = bulkhead_serve_one(bulkhead_module.server, 0);
    return next == 1;
}
