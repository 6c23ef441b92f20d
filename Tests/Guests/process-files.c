// Descriptors in messages: duplicated and moved, to a child that may have them and to children that may not.
#include "processes.h"

static __wasi_errno_t read_first(__wasi_fd_t fd, uint8_t *byte) {
    __wasi_iovec_t piece = {.buf = byte, .buf_len = 1};
    __wasi_size_t count;
    return __wasi_fd_read(fd, &piece, 1, &count);
}

// Takes a descriptor, reads a byte of it, and answers with the byte, or with the errno above it.
static void reading(void) {
    struct bulkhead_handle handles[2];
    struct bulkhead_message message;
    REQUIRE(0, bulkhead_host_argument(0, 0, handles, 2, &message));
    uint8_t byte = 0;
    uint64_t answer = 256;
    if (handles[1].value != 0xffffffff) {
        uint16_t error = read_first(handles[1].value, &byte);
        answer = error == 0 ? byte : 1000 + error;
    }
    REQUIRE(0, bulkhead_host_send(handles[0].value, 1, &answer, 8, 0, 0));
}

static uint64_t ask(struct bulkhead_options options, __wasi_fd_t fd, uint16_t flags) {
    struct bulkhead_handle handles[] = {{.kind = BULKHEAD_PROCESS}, {.kind = BULKHEAD_DESCRIPTOR, .flags = flags, .value = fd}};
    options.handles = handles;
    options.handle_count = 2;
    start_with(reading, options);
    uint64_t answer = 0;
    take((uint64_t[]){1}, 1, &answer, 8);
    return answer;
}

int main(void) {
    __wasi_fd_t directory = preopen("/data"), fd;
    REQUIRE(0, __wasi_path_open(directory, OPEN_FOLLOWING, "file", 0, READ_RIGHTS, 0, 0, &fd));
    EXPECT("a child reads a file", 'a', ask((struct bulkhead_options){0}, fd, 0));
    uint8_t byte;
    EXPECT("which is still open here", 0, read_first(fd, &byte));
    EXPECT("with the position in common", 'b', byte);
    EXPECT("a child without fs does not get it", 256, ask((struct bulkhead_options){.without = BULKHEAD_FS}, fd, 0));
    EXPECT("nor a directory", 256, ask((struct bulkhead_options){.without = BULKHEAD_FS}, directory, 0));
    EXPECT("nor one that may only read, if it can be written", 256, ({
               __wasi_fd_t wide;
               REQUIRE(0, __wasi_path_open(directory, OPEN_FOLLOWING, "file", 0, READ_RIGHTS | WRITE_RIGHTS, 0, 0, &wide));
               ask((struct bulkhead_options){.policy = "read-only", .policy_length = 9}, wide, BULKHEAD_MOVE);
           }));
    EXPECT("but one that only reads", 'c', ask((struct bulkhead_options){.policy = "read-only", .policy_length = 9}, fd, 0));
    EXPECT("standard output goes to whom it is granted", 1000 + __WASI_ERRNO_NOTCAPABLE, ask((struct bulkhead_options){0}, 1, 0));
    EXPECT("and to nobody else", 256, ask((struct bulkhead_options){.without = BULKHEAD_STDIO}, 1, 0));
    EXPECT("a descriptor is moved", 'd', ask((struct bulkhead_options){0}, fd, BULKHEAD_MOVE));
    EXPECT("and is not here any more", __WASI_ERRNO_BADF, read_first(fd, &byte));
    EXPECT("nor can it be sent", BULKHEAD_BADF, bulkhead_host_send(0, 1, 0, 0, &(struct bulkhead_handle){.kind = BULKHEAD_DESCRIPTOR, .value = fd}, 1));
    say("done\n");
}
