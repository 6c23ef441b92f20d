// Random narrowings of narrowings. Each chain of children ends in one that tries everything, and a line says what it could do:
// `chain MASK/POLICY MASK/POLICY … = BITS`, BITS in the order of `probe`. The test knows what they should be.
#include "processes.h"

enum { DEEPEST = 4 };

struct chain {
    uint32_t depth, level;
    uint32_t without[DEEPEST], policy[DEEPEST];
};

static const char *const policies[] = {"", "read-only", "no-clocks", "no-args"};

static __wasi_fd_t mounted(void) {
    for (__wasi_fd_t fd = 3; fd < 8; fd++) {
        __wasi_prestat_t found;
        uint8_t name[6] = {0};
        if (__wasi_fd_prestat_get(fd, &found) != 0 || found.u.dir.pr_name_len != 5) continue;
        if (__wasi_fd_prestat_dir_name(fd, name, 5) == 0 && memcmp(name, "/data", 5) == 0) return fd;
    }
    return 77;
}

static int opens(__wasi_rights_t rights) {
    __wasi_fd_t fd;
    __wasi_errno_t error = __wasi_path_open(mounted(), OPEN_FOLLOWING, "file", 0, rights, 0, 0, &fd);
    if (error == 0) REQUIRE(0, __wasi_fd_close(fd));
    return error == 0;
}

static void nothing(void) {}

static uint32_t probe(void) {
    __wasi_timestamp_t time;
    __wasi_size_t variables = 0, words = 0, size;
    uint8_t byte;
    __wasi_ciovec_t none = {.buf = &byte, .buf_len = 0};
    __wasi_size_t written;
    int32_t fd;
    struct bulkhead_child child;
    struct bulkhead_options options = {.entry = (uint32_t)(uintptr_t)nothing};
    REQUIRE(0, __wasi_environ_sizes_get(&variables, &size));
    REQUIRE(0, __wasi_args_sizes_get(&words, &size));
    return (uint32_t)opens(READ_RIGHTS) | (uint32_t)opens(WRITE_RIGHTS) << 1 |
           (uint32_t)(bulkhead_host_tcp_connect("127.0.0.1", 9, 9, &fd) != BULKHEAD_NOTCAPABLE) << 2 |
           (uint32_t)(variables > 0) << 3 | (uint32_t)(words > 1) << 4 |
           (uint32_t)(__wasi_clock_time_get(__WASI_CLOCKID_REALTIME, 1, &time) == 0) << 5 |
           (uint32_t)(__wasi_random_get(&byte, 1) == 0) << 6 | (uint32_t)(__wasi_fd_write(1, &none, 1, &written) == 0) << 7 |
           (uint32_t)(bulkhead_host_spawn(&options, &child) == 0) << 8;
}

static int32_t go_deeper(struct chain *chain, const struct bulkhead_handle *back, void (*entry)(void)) {
    const char *policy = policies[chain->policy[chain->level]];
    struct bulkhead_options options = {.entry = (uint32_t)(uintptr_t)entry,
                                       .argument = chain,
                                       .argument_length = sizeof *chain,
                                       .handles = back,
                                       .handle_count = 1,
                                       .policy = policy,
                                       .policy_length = (uint32_t)strlen(policy),
                                       .without = chain->without[chain->level]};
    struct bulkhead_child child;
    chain->level++;
    return bulkhead_host_spawn(&options, &child);
}

static void link_of_chain(void) {
    struct chain chain;
    struct bulkhead_handle back;
    struct bulkhead_message message;
    REQUIRE(0, bulkhead_host_argument(&chain, sizeof chain, &back, 1, &message));
    uint32_t answer[2] = {0, 0};
    if (chain.level < chain.depth) {
        answer[1] = (uint32_t)go_deeper(&chain, &back, link_of_chain);
        if (answer[1] == 0) return;
    } else {
        answer[0] = probe();
    }
    REQUIRE(0, bulkhead_host_send(back.value, 1, answer, sizeof answer, 0, 0));
}

int main(int count, char **words) {
    uint64_t state = count > 1 ? strtoull(words[1], 0, 10) : 1, rounds = count > 2 ? strtoull(words[2], 0, 10) : 50;
    state |= 1;
    for (uint64_t round = 0; round < rounds; round++) {
        struct chain chain = {0};
        state = state * 6364136223846793005u + 1442695040888963407u;
        chain.depth = (uint32_t)(state >> 33) % DEEPEST + 1;
        say("chain");
        for (uint32_t level = 0; level < chain.depth; level++) {
            state = state * 6364136223846793005u + 1442695040888963407u;
            // Few areas at a time, so that much is left, and none that makes chains end where they begin.
            chain.without[level] = 1u << (state >> 33) % 10 & 0xff;
            if (level + 1 < chain.depth) chain.without[level] &= 0x7f;
            chain.policy[level] = (uint32_t)(state >> 50) % 8 < 4 ? 0 : (uint32_t)(state >> 50) % 4;
            say(" ");
            say(decimal(chain.without[level]));
            say("/");
            say(decimal(chain.policy[level]));
        }
        struct bulkhead_handle self = {.kind = BULKHEAD_PROCESS};
        uint32_t answer[2] = {0, 0};
        REQUIRE(0, go_deeper(&chain, &self, link_of_chain));
        take((uint64_t[]){1}, 1, answer, sizeof answer);
        say(" = ");
        say(decimal(answer[0]));
        say(answer[1] == 0 ? "\n" : " stopped\n");
    }
    say("done\n");
}
