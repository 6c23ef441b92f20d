// Readiness, signals as descriptors, and clocks: thin calls with errnos as results.
#ifndef BULKHEAD_EVENTS_H
#define BULKHEAD_EVENTS_H

#include <stddef.h>
#include <stdint.h>

/// One event, unpacked: `data` is what the registration gave. epoll_event is packed on x86_64 only.
struct bulkhead_event {
    uint64_t data;
    uint32_t events;
};

/// epoll_create1(2), close-on-exec; the descriptor, or minus an errno.
int bulkhead_epoll(void);
/// epoll_ctl(2); 0 or an errno. `operation` is EPOLL_CTL_ADD (1), DEL (2) or MOD (3).
int bulkhead_epoll_control(int epoll, int operation, int descriptor, uint32_t events, uint64_t data);
/// epoll_pwait2(2), at most 256 events at once; `timeout` in nanoseconds, negative waits without end. Events, or
/// minus an errno (EINTR included: the caller knows its deadline).
int bulkhead_epoll_wait(int epoll, struct bulkhead_event *out, int capacity, int64_t timeout);
/// ppoll(2) over (descriptor, events) pairs; `results` gets revents. Ready entries, or minus an errno.
int bulkhead_poll(const int *descriptors, const int16_t *events, int16_t *results, size_t count, int64_t timeout);

/// signalfd(2), non-blocking and close-on-exec, for the signals whose bits (1 << (n - 1)) are set; or minus an errno.
int bulkhead_signal_descriptor(uint64_t signals);
/// Reads one signal: its number, 0 when there is none, or minus an errno. `*pid` is who sent it.
int bulkhead_signal_read(int descriptor, int *pid);
/// Blocks or unblocks signals in the calling thread; 0 or an errno.
int bulkhead_signal_mask(uint64_t signals, int block);
/// SIG_IGN for one signal; 0 or an errno.
int bulkhead_signal_ignore(int signal);

/// A timerfd on CLOCK_MONOTONIC, non-blocking and close-on-exec; or minus an errno.
int bulkhead_timer(void);
/// Fires once at that absolute CLOCK_MONOTONIC time in nanoseconds; 0 disarms. 0 or an errno.
int bulkhead_timer_set(int timer, uint64_t deadline);

/// eventfd(2), non-blocking and close-on-exec; the descriptor, or minus an errno.
int bulkhead_event(void);
/// Adds 1; a counter that is full stays as it is.
void bulkhead_event_signal(int event);
/// Resets it; 1 when it had been signalled, else 0.
int bulkhead_event_drain(int event);

/// timer_create(2) on any clock, a CPU clock of another process too. It sends `signal` to the calling thread. Its number,
/// or minus an errno.
int bulkhead_clock_timer(int clock, int signal);
/// Absolute time on the timer's clock in nanoseconds; once. 0 or an errno.
int bulkhead_clock_timer_set(int timer, uint64_t deadline);
void bulkhead_clock_timer_delete(int timer);

/// FUTEX_WAIT of this process's threads; `timeout` in nanoseconds, negative waits without end. It may return early.
void bulkhead_futex_wait(void *word, uint32_t expected, int64_t timeout);
/// FUTEX_WAKE, one thread.
void bulkhead_futex_wake(void *word);

/// How many processors sched_getaffinity(2) names, or minus an errno.
int bulkhead_processors(void);

/// clock_gettime(2) in nanoseconds; 0 if the clock does not exist.
uint64_t bulkhead_clock(int clock);

#endif
