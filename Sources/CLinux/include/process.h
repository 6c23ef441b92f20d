// Starting a process from fork to exec without running a line of Swift in the child, and waiting for it.
#ifndef BULKHEAD_PROCESS_H
#define BULKHEAD_PROCESS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/// What the child does between clone(2) and execve(2). Every pointer must stay valid for the call only.
struct bulkhead_spawn_request {
    const char *path;
    char *const *argv;
    char *const *envp;
    /// `sources[i]` of the caller becomes `targets[i]` of the child. Targets are distinct and not negative.
    const int *sources;
    const int *targets;
    size_t descriptor_count;
    /// `limit_resources[i]` is RLIMIT_*; soft and hard limit become the smaller of `limit_values[i]` and the hard limit.
    const int *limit_resources;
    const uint64_t *limit_values;
    size_t limit_count;
    /// 0 or a signal that the child gets when the thread that spawned it ends.
    int parent_death_signal;
    /// 0: the caller's; 1: a new process group; 2: a new session.
    int group;
    int no_new_privs;
    /// Whether `oom_score_adj` is to be written.
    int set_oom_score_adj;
    int oom_score_adj;
};

/// The step of the child that failed; 0 is none.
enum bulkhead_spawn_step {
    BULKHEAD_SPAWN_OK = 0,
    BULKHEAD_SPAWN_CLONE,
    BULKHEAD_SPAWN_SIGNALS,
    BULKHEAD_SPAWN_DEATH_SIGNAL,
    BULKHEAD_SPAWN_GROUP,
    BULKHEAD_SPAWN_DESCRIPTORS,
    BULKHEAD_SPAWN_OOM,
    BULKHEAD_SPAWN_LIMITS,
    BULKHEAD_SPAWN_PRIVILEGES,
    BULKHEAD_SPAWN_EXEC,
};

/// 0 and the child's pid and pidfd (close-on-exec), or an errno and the step that failed; then no child is left.
int bulkhead_spawn(const struct bulkhead_spawn_request *request, pid_t *pid, int *pidfd, int *step);

/// waitid(2) by pidfd. Returns 0, or an errno; `*code` is 0 when nothing has ended yet (WNOHANG), else CLD_EXITED,
/// CLD_KILLED or CLD_DUMPED with `*status` the exit code or signal. CPU times in microseconds, memory in KiB.
int bulkhead_wait(
    int pidfd, int no_hang, int *code, int *status, uint64_t *user_time, uint64_t *system_time, uint64_t *max_rss);

/// fflush(3) on stdout. 0, or an errno: EIO where an earlier failure is all that is known.
int bulkhead_flush_stdout(void);

int bulkhead_pidfd_open(pid_t pid);
int bulkhead_pidfd_send_signal(int pidfd, int signal);

/// The limit's number for a name such as `nofile`, or -1.
int bulkhead_limit_number(const char *name);
/// prlimit(2) on the caller; both return 0 or an errno. `set` never raises: the value is cut to the hard limit.
int bulkhead_limit_set(int resource, uint64_t value);
int bulkhead_limit_get(int resource, uint64_t *soft, uint64_t *hard);

/// The target of /proc/self/exe without a terminator; its length, or minus an errno.
ssize_t bulkhead_executable(uint8_t *path, size_t capacity);
/// PR_SET_NAME of the calling thread: at most 15 bytes are kept.
void bulkhead_name_thread(const char *name);
/// Makes the C library look up now what it looks up once: when a thread that is not the first gives memory back for the first
/// time it opens a file beneath /proc/sys, and when there are many threads one beneath /sys. To be called on such a thread.
void bulkhead_warm_up_allocator(void);
// Asks the processor for lines of memory that will be read soon. Each word is an address, a multiple of 64, plus how many
// lines from there; 0 ends the list. Addresses need not be mapped.
void bulkhead_prefetch(const uintptr_t *words, int count);
// Gives the kernel the pages of freed blocks back (malloc_trim(3)).
void bulkhead_trim_allocator(void);

#endif
