// Makes a running cell do one system call, as code that broke out of the Wasm sandbox would: by ptrace(2), from outside.
//
//   cell-injector PID NUMBER [ARGUMENT]...
//
// An argument is a number, `s:TEXT` for the address of that text, or `how:FLAGS,MODE,RESOLVE` for the address of a
// struct open_how (openat2(2)). Prints `returned N` or `killed by signal N`. Exit 77: this process may not trace the cell,
// or the machine is not x86_64.
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>

#ifdef __x86_64__

static pid_t cell;
static uint64_t scratch;

static void fail(const char *what) {
    fprintf(stderr, "cell-injector: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void poke(uint64_t address, const void *bytes, size_t count) {
    for (size_t at = 0; at < count; at += 8) {
        uint64_t word = 0;
        memcpy(&word, (const char *)bytes + at, count - at < 8 ? count - at : 8);
        if (ptrace(PTRACE_POKEDATA, cell, (void *)(address + at), (void *)word) != 0) fail("poke");
    }
}

/// Puts bytes into the cell's stack, far below what is in use, and tells where.
static uint64_t place(const void *bytes, size_t count) {
    uint64_t address = scratch;
    poke(address, bytes, count);
    scratch += (count + 15) & ~(uint64_t)15;
    return address;
}

static uint64_t argument(const char *text) {
    if (strncmp(text, "s:", 2) == 0) return place(text + 2, strlen(text + 2) + 1);
    if (strncmp(text, "how:", 4) == 0) {
        uint64_t how[3] = {0};
        char *end = (char *)text + 3;
        for (int index = 0; index < 3 && *end != 0; index++) how[index] = strtoull(end + 1, &end, 0);
        return place(how, sizeof how);
    }
    return (uint64_t)strtoll(text, NULL, 0);
}

int main(int count, char **words) {
    if (count < 3) {
        fprintf(stderr, "usage: cell-injector PID NUMBER [ARGUMENT]...\n");
        return 2;
    }
    cell = atoi(words[1]);
    if (ptrace(PTRACE_ATTACH, cell, NULL, NULL) != 0) {
        if (errno == EPERM) return 77;
        fail("attach");
    }
    int status;
    if (waitpid(cell, &status, __WALL) != cell || !WIFSTOPPED(status)) fail("stop");
    struct user_regs_struct saved, now;
    if (ptrace(PTRACE_GETREGS, cell, NULL, &saved) != 0) fail("registers");
    now = saved;
    scratch = (saved.rsp - 16384) & ~(uint64_t)15;
    unsigned long long *slots[6] = {&now.rdi, &now.rsi, &now.rdx, &now.r10, &now.r8, &now.r9};
    for (int index = 0; index < 6; index++) *slots[index] = index + 3 < count ? argument(words[index + 3]) : 0;
    now.rax = strtoull(words[2], NULL, 0);
    // Not a system call that was interrupted: the kernel must not turn the clock back to make it again.
    now.orig_rax = (unsigned long long)-1;
    errno = 0;
    long code = ptrace(PTRACE_PEEKTEXT, cell, (void *)saved.rip, NULL);
    if (errno != 0) fail("code");
    const unsigned char call[8] = {0x0f, 0x05, 0xcc, 0xcc, 0xcc, 0xcc, 0xcc, 0xcc};
    poke(saved.rip, call, sizeof call);
    if (ptrace(PTRACE_SETREGS, cell, NULL, &now) != 0) fail("registers");
    if (ptrace(PTRACE_CONT, cell, NULL, NULL) != 0 || waitpid(cell, &status, __WALL) != cell) fail("go on");
    if (WIFSIGNALED(status)) {
        printf("killed by signal %d\n", WTERMSIG(status));
        return 0;
    }
    if (!WIFSTOPPED(status) || WSTOPSIG(status) != SIGTRAP) {
        // The filter's SIGSYS is delivered like any other when it cannot be caught: let it be, and see the end.
        ptrace(PTRACE_CONT, cell, NULL, (void *)(uintptr_t)WSTOPSIG(status));
        if (waitpid(cell, &status, __WALL) == cell && WIFSIGNALED(status)) {
            printf("killed by signal %d\n", WTERMSIG(status));
            return 0;
        }
        fail("an unexpected stop");
    }
    if (ptrace(PTRACE_GETREGS, cell, NULL, &now) != 0) fail("registers");
    printf("returned %lld\n", (long long)now.rax);
    poke(saved.rip, &code, sizeof code);
    if (ptrace(PTRACE_SETREGS, cell, NULL, &saved) != 0) fail("registers");
    ptrace(PTRACE_DETACH, cell, NULL, NULL);
    return 0;
}

#else

int main(void) { return 77; }

#endif
