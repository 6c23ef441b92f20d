// Giving up rights: seccomp, Landlock, capabilities, namespaces, executable memory. The kernel's newer constants are
// defined in hardening.c, for the headers of a distribution lag behind its kernels.
#ifndef BULKHEAD_HARDENING_H
#define BULKHEAD_HARDENING_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/// One comparison: `operation` is 0 ==, 1 !=, 2 <=, 3 >, 4 `argument & mask == value`.
struct bulkhead_comparison {
    uint32_t index;
    uint32_t operation;
    uint64_t mask;
    uint64_t value;
};

/// What a filter does with a call: the kernel's SECCOMP_RET_* with its data.
enum {
    BULKHEAD_KILL_PROCESS = 0x80000000u,
    BULKHEAD_ERRNO = 0x00050000u,
    BULKHEAD_NOTIFY = 0x7fc00000u,
    BULKHEAD_LOG = 0x7ffc0000u,
    BULKHEAD_ALLOW = 0x7fff0000u,
};

/// A filter under construction for the architecture this is compiled for; foreign ones are killed. NULL when out of
/// memory or the default is not known.
void *bulkhead_filter_new(uint32_t default_action);
void bulkhead_filter_free(void *filter);
/// 0 or an errno: ENOSYS for a name that no architecture has. A name that only this one lacks is skipped.
int bulkhead_filter_add(
    void *filter, uint32_t action, const char *name, const struct bulkhead_comparison *comparisons, size_t count);
/// Writes the BPF program, or libseccomp's pseudo code, to a descriptor; 0 or an errno.
int bulkhead_filter_export(void *filter, int descriptor, int as_text);
/// The number of a system call on this architecture; negative when it has none.
int bulkhead_syscall_number(const char *name);
/// The same on another architecture, by libseccomp's name for it (`aarch64`); negative when it has none.
int bulkhead_syscall_number_on(const char *architecture, const char *name);
/// AUDIT_ARCH_* of this architecture, as a filter sees it.
uint32_t bulkhead_audit_architecture(void);
/// An errno's number, or 0.
int bulkhead_errno_number(const char *name);

/// seccomp(2) with a program of `count` 8-byte instructions, on all threads. `listen` asks for a notification
/// descriptor. That descriptor or 0, or minus an errno (-ESRCH: a thread has a filter of its own).
int bulkhead_filter_install(const void *program, size_t count, int listen);
/// 1 when the kernel has that action, else 0.
int bulkhead_filter_action_available(uint32_t action);

/// The Landlock ABI's number; 0 when the kernel has none or it is switched off.
int bulkhead_landlock_abi(void);
/// A ruleset that handles the given rights; the descriptor, or minus an errno.
int bulkhead_landlock_create(uint64_t file_system, uint64_t network, uint64_t scopes);
/// 0 or an errno.
int bulkhead_landlock_add_path(int ruleset, int directory, uint64_t access);
int bulkhead_landlock_restrict(int ruleset);

/// All of these return 0 or an errno.
int bulkhead_no_new_privileges(void);
/// PR_SET_MDWE; EINVAL on kernels before 6.3.
int bulkhead_deny_new_executable_memory(void);
/// 1 when PR_GET_MDWE is known, else 0.
int bulkhead_can_deny_executable_memory(void);
/// Empties the effective, permitted, inheritable and ambient sets, and the bounding set where that is allowed.
int bulkhead_drop_capabilities(void);
/// The effective and the permitted set.
int bulkhead_capabilities(uint64_t *effective, uint64_t *permitted);
int bulkhead_set_dumpable(int on);
int bulkhead_unshare(int flags);
/// Tries unshare(2) in a child that ends at once.
int bulkhead_try_unshare(int flags);

/// Calls for tests and probes of a sealed process: the raw result, or minus the errno.
long bulkhead_raw_syscall(
    long number, uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e, uint64_t f);

#endif
