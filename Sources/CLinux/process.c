// See process.h. The child shares the parent's memory until it execs, so it only makes system calls, and the
// parent's thread waits for it (CLONE_VFORK); other threads of the parent run on.
#define _GNU_SOURCE
#include "process.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef CLONE_PIDFD
#define CLONE_PIDFD 0x00001000
#endif
#ifndef P_PIDFD
#define P_PIDFD 3
#endif

enum { spawn_stack_size = 64 * 1024 };

struct spawn_state {
    const struct bulkhead_spawn_request *request;
    pid_t parent;
    int step;
    int error;
};

static int fail(struct spawn_state *state, int step) {
    state->step = step;
    state->error = errno;
    return -1;
}

// A handler of the parent must never run in the child, whose memory is the parent's; ignored signals would also
// outlive exec. Asked of the kernel, for the C library refuses to touch the signals it keeps for itself, and one
// that was ignored further up would stay so.
static int reset_signals(void) {
    // The kernel's structure is no larger than this on any architecture, and all zero means SIG_DFL without flags.
    unsigned long action[8] = {0};
    for (int number = 1; number <= 64; number++) {
        if (number == SIGKILL || number == SIGSTOP) continue;
        if (syscall(SYS_rt_sigaction, number, action, NULL, 8) != 0) return -1;
    }
    sigset_t none;
    sigemptyset(&none);
    return sigprocmask(SIG_SETMASK, &none, NULL);
}

static int is_target(const struct bulkhead_spawn_request *request, int descriptor) {
    for (size_t i = 0; i < request->descriptor_count; i++) {
        if (request->targets[i] == descriptor) return 1;
    }
    return 0;
}

static int close_between(int first, int last) {
    if (first > last) return 0;
    return (int)syscall(SYS_close_range, (unsigned)first, (unsigned)last, 0);
}

static int place_descriptors(const struct bulkhead_spawn_request *request) {
    int highest = 2;
    for (size_t i = 0; i < request->descriptor_count; i++) {
        if (request->targets[i] < 0) { errno = EBADF; return -1; }
        if (request->targets[i] > highest) highest = request->targets[i];
    }
    // Copies above all targets first, so that no source is overwritten before it is placed.
    int copies[256];
    if (request->descriptor_count > 256) { errno = E2BIG; return -1; }
    for (size_t i = 0; i < request->descriptor_count; i++) {
        copies[i] = fcntl(request->sources[i], F_DUPFD_CLOEXEC, highest + 1);
        if (copies[i] < 0) return -1;
    }
    for (size_t i = 0; i < request->descriptor_count; i++) {
        if (dup2(copies[i], request->targets[i]) < 0) return -1;
    }
    // A program whose standard streams are missing would write its messages into the first file it opens.
    for (int descriptor = 0; descriptor <= 2; descriptor++) {
        if (is_target(request, descriptor)) continue;
        int null = open("/dev/null", O_RDWR | O_CLOEXEC);
        if (null < 0) return -1;
        if (null != descriptor) {
            if (dup2(null, descriptor) < 0) return -1;
            close(null);
        } else if (fcntl(descriptor, F_SETFD, 0) < 0) {
            return -1;
        }
    }
    for (int descriptor = 3; descriptor <= highest; descriptor++) {
        if (!is_target(request, descriptor)) close(descriptor);
    }
    return close_between(highest + 1, (int)(~0U >> 1));
}

static int write_oom_score(int value) {
    char text[16];
    int at = sizeof text, negative = value < 0;
    unsigned rest = negative ? -(unsigned)value : (unsigned)value;
    do { text[--at] = (char)('0' + rest % 10); rest /= 10; } while (rest != 0);
    if (negative) text[--at] = '-';
    int file = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
    if (file < 0) return -1;
    ssize_t written = write(file, text + at, sizeof text - (size_t)at);
    int saved = errno;
    close(file);
    errno = saved;
    return written < 0 ? -1 : 0;
}

static int prepare(struct spawn_state *state) {
    const struct bulkhead_spawn_request *request = state->request;
    if (reset_signals() != 0) return fail(state, BULKHEAD_SPAWN_SIGNALS);
    if (request->parent_death_signal != 0) {
        if (prctl(PR_SET_PDEATHSIG, request->parent_death_signal, 0, 0, 0) != 0) {
            return fail(state, BULKHEAD_SPAWN_DEATH_SIGNAL);
        }
        // The parent may have died before the signal was asked for: nobody would ever send it.
        if (getppid() != state->parent) { errno = ESRCH; return fail(state, BULKHEAD_SPAWN_DEATH_SIGNAL); }
    }
    if (request->group == 1 && setpgid(0, 0) != 0) return fail(state, BULKHEAD_SPAWN_GROUP);
    if (request->group == 2 && setsid() < 0) return fail(state, BULKHEAD_SPAWN_GROUP);
    // Before descriptors are placed, for it needs one of its own; before limits, for they may leave none.
    if (request->set_oom_score_adj && write_oom_score(request->oom_score_adj) != 0) {
        return fail(state, BULKHEAD_SPAWN_OOM);
    }
    if (place_descriptors(request) != 0) return fail(state, BULKHEAD_SPAWN_DESCRIPTORS);
    for (size_t i = 0; i < request->limit_count; i++) {
        int error = bulkhead_limit_set(request->limit_resources[i], request->limit_values[i]);
        if (error != 0) { errno = error; return fail(state, BULKHEAD_SPAWN_LIMITS); }
    }
    if (request->no_new_privs && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
        return fail(state, BULKHEAD_SPAWN_PRIVILEGES);
    }
    execve(request->path, request->argv, request->envp);
    return fail(state, BULKHEAD_SPAWN_EXEC);
}

static int child(void *argument) {
    prepare(argument);
    _exit(127);
}

int bulkhead_spawn(const struct bulkhead_spawn_request *request, pid_t *pid, int *pidfd, int *step) {
    struct spawn_state state = {.request = request, .parent = getpid()};
    *step = BULKHEAD_SPAWN_CLONE;
    void *stack = mmap(
        NULL, spawn_stack_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
    if (stack == MAP_FAILED) return errno;
    // Until the child has reset its handlers, no signal may reach it.
    sigset_t all, old;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    int descriptor = -1;
    pid_t child_pid = clone(
        child, (char *)stack + spawn_stack_size, CLONE_VM | CLONE_VFORK | CLONE_PIDFD | SIGCHLD, &state, &descriptor);
    int clone_error = errno;
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    munmap(stack, spawn_stack_size);
    if (child_pid < 0) return clone_error;
    if (state.step != BULKHEAD_SPAWN_OK) {
        siginfo_t info;
        while (syscall(SYS_waitid, P_PIDFD, descriptor, &info, WEXITED, NULL) < 0 && errno == EINTR) {}
        close(descriptor);
        *step = state.step;
        return state.error;
    }
    *pid = child_pid;
    *pidfd = descriptor;
    *step = BULKHEAD_SPAWN_OK;
    return 0;
}

int bulkhead_wait(
    int pidfd, int no_hang, int *code, int *status, uint64_t *user_time, uint64_t *system_time, uint64_t *max_rss) {
    siginfo_t info;
    struct rusage usage;
    memset(&info, 0, sizeof info);
    memset(&usage, 0, sizeof usage);
    int options = WEXITED | (no_hang ? WNOHANG : 0);
    while (syscall(SYS_waitid, P_PIDFD, pidfd, &info, options, &usage) < 0) {
        if (errno != EINTR) return errno;
    }
    *code = info.si_pid == 0 ? 0 : info.si_code;
    *status = info.si_status;
    *user_time = (uint64_t)usage.ru_utime.tv_sec * 1000000 + (uint64_t)usage.ru_utime.tv_usec;
    *system_time = (uint64_t)usage.ru_stime.tv_sec * 1000000 + (uint64_t)usage.ru_stime.tv_usec;
    *max_rss = (uint64_t)usage.ru_maxrss;
    return 0;
}

int bulkhead_flush_stdout(void) {
    if (fflush(stdout) != 0) return errno;
    return ferror(stdout) ? EIO : 0;
}

int bulkhead_pidfd_open(pid_t pid) { return (int)syscall(SYS_pidfd_open, pid, 0); }

int bulkhead_pidfd_send_signal(int pidfd, int signal) {
    return syscall(SYS_pidfd_send_signal, pidfd, signal, NULL, 0) < 0 ? errno : 0;
}

int bulkhead_limit_number(const char *name) {
    static const struct { const char *name; int number; } table[] = {
        {"as", RLIMIT_AS}, {"core", RLIMIT_CORE}, {"cpu", RLIMIT_CPU}, {"data", RLIMIT_DATA},
        {"fsize", RLIMIT_FSIZE}, {"memlock", RLIMIT_MEMLOCK}, {"msgqueue", RLIMIT_MSGQUEUE},
        {"nice", RLIMIT_NICE}, {"nofile", RLIMIT_NOFILE}, {"nproc", RLIMIT_NPROC}, {"rtprio", RLIMIT_RTPRIO},
        {"rttime", RLIMIT_RTTIME}, {"sigpending", RLIMIT_SIGPENDING}, {"stack", RLIMIT_STACK},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        if (strcmp(table[i].name, name) == 0) return table[i].number;
    }
    return -1;
}

int bulkhead_limit_get(int resource, uint64_t *soft, uint64_t *hard) {
    struct rlimit limit;
    if (getrlimit(resource, &limit) != 0) return errno;
    *soft = limit.rlim_cur;
    *hard = limit.rlim_max;
    return 0;
}

int bulkhead_limit_set(int resource, uint64_t value) {
    struct rlimit limit;
    if (getrlimit(resource, &limit) != 0) return errno;
    if (value < limit.rlim_max) limit.rlim_max = value;
    limit.rlim_cur = limit.rlim_max;
    return setrlimit(resource, &limit) != 0 ? errno : 0;
}

ssize_t bulkhead_executable(uint8_t *path, size_t capacity) {
    ssize_t count = readlink("/proc/self/exe", (char *)path, capacity);
    return count < 0 ? -errno : count;
}

void bulkhead_warm_up_allocator(void) {
    // As many arenas as it would allow itself once it has more than eight, when it counts the processors.
    mallopt(M_ARENA_MAX, 8 * get_nprocs());
    // More than a heap's top keeps, in blocks that are no mappings of their own: freeing them shrinks the heap.
    void *volatile blocks[6];
    for (int index = 0; index < 6; index++) blocks[index] = malloc(100 << 10);
    for (int index = 0; index < 6; index++) free(blocks[index]);
}

void bulkhead_prefetch(const uintptr_t *words, int count) {
    for (int index = 0; index < count; index++) {
        uintptr_t word = __atomic_load_n(&words[index], __ATOMIC_RELAXED);
        if (word == 0) return;
        for (uintptr_t line = word & ~(uintptr_t)63, left = word & 63; left > 0; left--, line += 64)
            __builtin_prefetch((const void *)line);
    }
}

void bulkhead_trim_allocator(void) { malloc_trim(0); }

void bulkhead_name_thread(const char *name) { prctl(PR_SET_NAME, name, 0, 0, 0); }
