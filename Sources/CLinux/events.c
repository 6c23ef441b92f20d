// See events.h.
#define _GNU_SOURCE
#include "events.h"

#include <errno.h>
#include <linux/futex.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

static struct timespec *span(struct timespec *storage, int64_t timeout) {
    if (timeout < 0) return NULL;
    storage->tv_sec = timeout / 1000000000;
    storage->tv_nsec = timeout % 1000000000;
    return storage;
}

int bulkhead_epoll(void) {
    int descriptor = epoll_create1(EPOLL_CLOEXEC);
    return descriptor < 0 ? -errno : descriptor;
}

int bulkhead_event(void) {
    int descriptor = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return descriptor < 0 ? -errno : descriptor;
}

void bulkhead_event_signal(int event) {
    uint64_t one = 1;
    while (write(event, &one, sizeof one) < 0 && errno == EINTR) {}
}

int bulkhead_event_drain(int event) {
    uint64_t count;
    ssize_t result;
    while ((result = read(event, &count, sizeof count)) < 0 && errno == EINTR) {}
    return result == sizeof count;
}

int bulkhead_epoll_control(int epoll, int operation, int descriptor, uint32_t events, uint64_t data) {
    struct epoll_event event = {.events = events, .data.u64 = data};
    return epoll_ctl(epoll, operation, descriptor, &event) == 0 ? 0 : errno;
}

int bulkhead_epoll_wait(int epoll, struct bulkhead_event *out, int capacity, int64_t timeout) {
    struct epoll_event events[256];
    struct timespec storage;
    if (capacity > 256) capacity = 256;
    int ready = epoll_pwait2(epoll, events, capacity, span(&storage, timeout), NULL);
    if (ready < 0) return -errno;
    for (int i = 0; i < ready; i++) {
        out[i].data = events[i].data.u64;
        out[i].events = events[i].events;
    }
    return ready;
}

int bulkhead_poll(const int *descriptors, const int16_t *events, int16_t *results, size_t count, int64_t timeout) {
    struct pollfd few[64];
    struct pollfd *entries = count <= 64 ? few : calloc(count, sizeof *entries);
    struct timespec storage;
    if (entries == NULL) return -ENOMEM;
    for (size_t i = 0; i < count; i++) {
        entries[i] = (struct pollfd){.fd = descriptors[i], .events = events[i]};
    }
    int ready = ppoll(entries, count, span(&storage, timeout), NULL);
    int result = ready < 0 ? -errno : ready;
    for (size_t i = 0; i < count && result >= 0; i++) results[i] = entries[i].revents;
    if (entries != few) free(entries);
    return result;
}

static void make_set(sigset_t *set, uint64_t signals) {
    sigemptyset(set);
    for (int number = 1; number <= 64; number++) {
        if (signals >> (number - 1) & 1) sigaddset(set, number);
    }
}

int bulkhead_signal_descriptor(uint64_t signals) {
    sigset_t set;
    make_set(&set, signals);
    int descriptor = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    return descriptor < 0 ? -errno : descriptor;
}

int bulkhead_signal_read(int descriptor, int *pid) {
    struct signalfd_siginfo info;
    for (;;) {
        ssize_t count = read(descriptor, &info, sizeof info);
        if (count == (ssize_t)sizeof info) {
            *pid = (int)info.ssi_pid;
            return (int)info.ssi_signo;
        }
        if (count >= 0 || errno == EAGAIN) return 0;
        if (errno != EINTR) return -errno;
    }
}

int bulkhead_signal_mask(uint64_t signals, int block) {
    sigset_t set;
    make_set(&set, signals);
    return pthread_sigmask(block ? SIG_BLOCK : SIG_UNBLOCK, &set, NULL);
}

int bulkhead_signal_ignore(int number) {
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = SIG_IGN;
    return sigaction(number, &action, NULL) == 0 ? 0 : errno;
}

int bulkhead_timer(void) {
    int descriptor = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    return descriptor < 0 ? -errno : descriptor;
}

int bulkhead_timer_set(int timer, uint64_t deadline) {
    struct itimerspec value;
    memset(&value, 0, sizeof value);
    value.it_value.tv_sec = (time_t)(deadline / 1000000000);
    value.it_value.tv_nsec = (long)(deadline % 1000000000);
    return timerfd_settime(timer, TFD_TIMER_ABSTIME, &value, NULL) == 0 ? 0 : errno;
}

// The system calls themselves: glibc hides the thread of a SIGEV_THREAD_ID and hands out pointers for timer numbers.
int bulkhead_clock_timer(int clock, int signal) {
    struct sigevent event;
    memset(&event, 0, sizeof event);
    event.sigev_notify = SIGEV_THREAD_ID;
    event.sigev_signo = signal;
    event._sigev_un._tid = (pid_t)syscall(SYS_gettid);
    int timer = -1;
    return syscall(SYS_timer_create, clock, &event, &timer) < 0 ? -errno : timer;
}

int bulkhead_clock_timer_set(int timer, uint64_t deadline) {
    struct itimerspec value;
    memset(&value, 0, sizeof value);
    value.it_value.tv_sec = (time_t)(deadline / 1000000000);
    value.it_value.tv_nsec = (long)(deadline % 1000000000);
    return syscall(SYS_timer_settime, timer, TIMER_ABSTIME, &value, NULL) < 0 ? errno : 0;
}

void bulkhead_clock_timer_delete(int timer) { syscall(SYS_timer_delete, timer); }

void bulkhead_futex_wait(void *word, uint32_t expected, int64_t timeout) {
    struct timespec storage;
    syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, expected, span(&storage, timeout), NULL, 0);
}

void bulkhead_futex_wake(void *word) { syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0); }

int bulkhead_processors(void) {
    cpu_set_t set;
    return sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : -errno;
}

uint64_t bulkhead_clock(int clock) {
    struct timespec value;
    if (clock_gettime(clock, &value) != 0) return 0;
    return (uint64_t)value.tv_sec * 1000000000 + (uint64_t)value.tv_nsec;
}
