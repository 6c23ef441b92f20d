// See hardening.h.
#define _GNU_SOURCE
#include "hardening.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <seccomp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef PR_SET_MDWE
#define PR_SET_MDWE 65
#define PR_GET_MDWE 66
#define PR_MDWE_REFUSE_EXEC_GAIN 1
#endif
#ifndef SECCOMP_FILTER_FLAG_TSYNC_ESRCH
#define SECCOMP_FILTER_FLAG_TSYNC_ESRCH (1UL << 4)
#endif
#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1UL << 5)
#endif

// MARK: seccomp

void *bulkhead_filter_new(uint32_t default_action) {
    scmp_filter_ctx filter = seccomp_init(default_action);
    if (filter == NULL) return NULL;
    // A binary tree over the call's number instead of a chain: the chain costs hundreds of instructions a call.
    if (seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS) != 0
        || seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2) != 0) {
        seccomp_release(filter);
        return NULL;
    }
    return filter;
}

void bulkhead_filter_free(void *filter) { seccomp_release(filter); }

int bulkhead_filter_add(
    void *filter, uint32_t action, const char *name, const struct bulkhead_comparison *comparisons, size_t count) {
    static const enum scmp_compare operations[] = {SCMP_CMP_EQ, SCMP_CMP_NE, SCMP_CMP_LE, SCMP_CMP_GT,
                                                   SCMP_CMP_MASKED_EQ};
    struct scmp_arg_cmp list[6];
    if (count > 6) return EINVAL;
    for (size_t i = 0; i < count; i++) {
        const struct bulkhead_comparison *from = &comparisons[i];
        if (from->index > 5 || from->operation >= sizeof operations / sizeof operations[0]) return EINVAL;
        int masked = operations[from->operation] == SCMP_CMP_MASKED_EQ;
        if (!masked && from->mask != UINT64_MAX) return EINVAL;
        list[i] = (struct scmp_arg_cmp){
            .arg = from->index, .op = operations[from->operation],
            .datum_a = masked ? from->mask : from->value, .datum_b = masked ? from->value : 0};
    }
    int number = seccomp_syscall_resolve_name(name);
    if (number == __NR_SCMP_ERROR) return ENOSYS;
    if (number < 0) return 0;
    return -seccomp_rule_add_exact_array(filter, action, number, (unsigned)count, list);
}

int bulkhead_filter_export(void *filter, int descriptor, int as_text) {
    return -(as_text ? seccomp_export_pfc(filter, descriptor) : seccomp_export_bpf(filter, descriptor));
}

int bulkhead_syscall_number(const char *name) { return seccomp_syscall_resolve_name(name); }

int bulkhead_syscall_number_on(const char *architecture, const char *name) {
    uint32_t token = seccomp_arch_resolve_name(architecture);
    return token == 0 ? __NR_SCMP_ERROR : seccomp_syscall_resolve_name_arch(token, name);
}

uint32_t bulkhead_audit_architecture(void) { return seccomp_arch_native(); }

int bulkhead_errno_number(const char *name) {
    static const struct { const char *name; int number; } table[] = {
        {"EACCES", EACCES}, {"EAGAIN", EAGAIN}, {"EINVAL", EINVAL}, {"ENOENT", ENOENT}, {"ENOSYS", ENOSYS},
        {"ENOTSUP", ENOTSUP}, {"EPERM", EPERM},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        if (strcmp(table[i].name, name) == 0) return table[i].number;
    }
    return 0;
}

int bulkhead_filter_install(const void *program, size_t count, int listen) {
    if (count == 0 || count > BPF_MAXINSNS) return -EINVAL;
    struct sock_fprog filter = {.len = (unsigned short)count, .filter = (struct sock_filter *)program};
    unsigned long flags = SECCOMP_FILTER_FLAG_TSYNC;
    if (listen) {
        flags |= SECCOMP_FILTER_FLAG_TSYNC_ESRCH | SECCOMP_FILTER_FLAG_NEW_LISTENER
            | SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV;
    }
    long result = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &filter);
    // Without TSYNC_ESRCH, a positive result is the thread that could not be brought along.
    if (result > 0 && !listen) return -ESRCH;
    return result < 0 ? -errno : (int)result;
}

int bulkhead_filter_action_available(uint32_t action) {
    return syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) == 0;
}

// MARK: Landlock

struct landlock_ruleset {
    uint64_t file_system;
    uint64_t network;
    uint64_t scopes;
};

struct landlock_path {
    uint64_t access;
    int32_t directory;
} __attribute__((packed));

int bulkhead_landlock_abi(void) {
    long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, 1u);
    return abi < 0 ? 0 : (int)abi;
}

int bulkhead_landlock_create(uint64_t file_system, uint64_t network, uint64_t scopes) {
    struct landlock_ruleset ruleset = {file_system, network, scopes};
    // Fields that are zero at the end need not be known to the kernel.
    size_t size = scopes != 0 ? 24 : network != 0 ? 16 : 8;
    long result = syscall(SYS_landlock_create_ruleset, &ruleset, size, 0u);
    return result < 0 ? -errno : (int)result;
}

int bulkhead_landlock_add_path(int ruleset, int directory, uint64_t access) {
    struct landlock_path rule = {access, directory};
    return syscall(SYS_landlock_add_rule, ruleset, 1, &rule, 0u) < 0 ? errno : 0;
}

int bulkhead_landlock_restrict(int ruleset) {
    return syscall(SYS_landlock_restrict_self, ruleset, 0u) < 0 ? errno : 0;
}

// MARK: Privileges, memory, namespaces

int bulkhead_no_new_privileges(void) { return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 ? 0 : errno; }

int bulkhead_deny_new_executable_memory(void) {
    return prctl(PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN, 0, 0, 0) == 0 ? 0 : errno;
}

int bulkhead_can_deny_executable_memory(void) { return prctl(PR_GET_MDWE, 0, 0, 0, 0) >= 0; }

int bulkhead_capabilities(uint64_t *effective, uint64_t *permitted) {
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
    struct __user_cap_data_struct data[2];
    if (syscall(SYS_capget, &header, data) != 0) return errno;
    *effective = data[0].effective | (uint64_t)data[1].effective << 32;
    *permitted = data[0].permitted | (uint64_t)data[1].permitted << 32;
    return 0;
}

int bulkhead_drop_capabilities(void) {
    for (int capability = 0; capability < 64; capability++) {
        if (prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) == 0) continue;
        // EINVAL: past the last one. EPERM: without CAP_SETPCAP the bounding set stays, and no_new_privs makes it moot.
        if (errno == EINVAL || errno == EPERM) break;
        return errno;
    }
    if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0 && errno != EINVAL) return errno;
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
    struct __user_cap_data_struct data[2];
    memset(data, 0, sizeof data);
    return syscall(SYS_capset, &header, data) == 0 ? 0 : errno;
}

int bulkhead_set_dumpable(int on) { return prctl(PR_SET_DUMPABLE, on, 0, 0, 0) == 0 ? 0 : errno; }

int bulkhead_unshare(int flags) { return unshare(flags) == 0 ? 0 : errno; }

int bulkhead_try_unshare(int flags) {
    // The child makes two system calls and no more, so other threads' locks do not matter.
    pid_t child = fork();
    if (child < 0) return errno;
    if (child == 0) _exit(unshare(flags) == 0 ? 0 : errno & 0xff);
    int status;
    while (waitpid(child, &status, 0) < 0) {
        if (errno != EINTR) return errno;
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : EPERM;
}

long bulkhead_raw_syscall(
    long number, uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e, uint64_t f) {
    long result = syscall(number, a, b, c, d, e, f);
    return result < 0 && result > -4096 ? -(long)errno : result;
}
