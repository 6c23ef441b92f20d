// load PORT CONNECTIONS SECONDS [--size BYTES] [--crash PER_SECOND TEXT] [--pid PID]...: many clients of an echo server on this
// machine, in one thread. Each connection has one message under way; the next follows its echo. After a second of warm-up prints
// requests a second, their latencies, and the CPU time that the named processes spent on each.
//
// --crash: so many times a second a connection picked at random sends TEXT in the place of a message. It must be closed by the
// server and is then made anew; any other connection that closes, or echoes something else, ends the run with status 1.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

struct connection {
    int socket;
    int received;
    bool crashing;
    uint64_t sent_at;
};

enum { largest = 65536, buckets = 4000000 };

static int port, size = 64, poller;
static char message[largest];
static uint32_t latencies[buckets];  // by microsecond

_Noreturn static void fail(const char *what) {
    fprintf(stderr, "load: %s: %s\n", what, strerror(errno));
    exit(1);
}

static uint64_t now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

// Seconds of CPU time, user and system, that a process and its threads have used: fields 14 and 15 of proc_pid_stat(5).
static double processor_time(int pid) {
    char path[64], text[4096];
    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    FILE *file = fopen(path, "r");
    if (!file) return 0;
    size_t length = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    text[length] = 0;
    // The second field is a name in parentheses, which may hold anything.
    char *rest = strrchr(text, ')');
    unsigned long user = 0, system = 0;
    if (rest) sscanf(rest + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &system);
    return (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
}

static void open_connection(struct connection *connection) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connection->socket = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connection->socket < 0) fail("socket");
    if (connect(connection->socket, (struct sockaddr *)&address, sizeof address) != 0) fail("connect");
    int on = 1;
    setsockopt(connection->socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    fcntl(connection->socket, F_SETFL, O_NONBLOCK);
    struct epoll_event interest = {.events = EPOLLIN, .data.ptr = connection};
    if (epoll_ctl(poller, EPOLL_CTL_ADD, connection->socket, &interest) != 0) fail("epoll_ctl");
    connection->received = 0;
    connection->crashing = false;
}

static void send_all(struct connection *connection, const char *bytes, int length) {
    connection->sent_at = now();
    if (send(connection->socket, bytes, (size_t)length, MSG_NOSIGNAL) != length) fail("send");
}

// What has come in on a connection; true once a whole echo is there.
static bool receive(struct connection *connection) {
    static char buffer[largest];
    ssize_t length = read(connection->socket, buffer, (size_t)(size - connection->received));
    if (length < 0 && errno == EAGAIN) return false;
    if (length <= 0 && connection->crashing) {
        close(connection->socket);
        open_connection(connection);
        send_all(connection, message, size);
        return false;
    }
    if (length <= 0) fail("a connection was closed");
    // What a server sends before it crashes is its own affair.
    if (connection->crashing) return false;
    if (memcmp(buffer, message + connection->received, (size_t)length) != 0) fail("an echo of something else");
    connection->received += (int)length;
    if (connection->received < size) return false;
    connection->received = 0;
    return true;
}

int main(int argc, char **argv) {
    enum { most_pids = 16 };
    int pids[most_pids], pid_count = 0;
    double crashes_per_second = 0;
    const char *crash_text = "";
    if (argc < 4) {
        fprintf(stderr, "usage: load PORT CONNECTIONS SECONDS [--size BYTES] [--crash PER_SECOND TEXT] [--pid PID]...\n");
        return 64;
    }
    port = atoi(argv[1]);
    int count = atoi(argv[2]);
    double seconds = atof(argv[3]);
    for (int i = 4; i < argc; i++) {
        if (strcmp(argv[i], "--size") == 0 && i + 1 < argc) {
            size = atoi(argv[++i]);
        } else if (strcmp(argv[i], "--crash") == 0 && i + 2 < argc) {
            crashes_per_second = atof(argv[++i]);
            crash_text = argv[++i];
        } else if (strcmp(argv[i], "--pid") == 0 && i + 1 < argc && pid_count < most_pids) {
            pids[pid_count++] = atoi(argv[++i]);
        } else {
            fprintf(stderr, "load: what is %s?\n", argv[i]);
            return 64;
        }
    }
    if (count < 1 || size < 1 || size > largest) {
        fprintf(stderr, "load: at least 1 connection, and messages of 1 to %d bytes\n", largest);
        return 64;
    }
    memset(message, 'x', (size_t)size);
    message[size - 1] = '\n';
    // As many descriptors as there may be: the soft limit is often 1,024.
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
    poller = epoll_create1(EPOLL_CLOEXEC);
    struct connection *connections = calloc((size_t)count, sizeof *connections);
    if (!connections || poller < 0) fail("start");
    for (int i = 0; i < count; i++) open_connection(&connections[i]);

    uint64_t begin = now() + 1000000000, end = begin + (uint64_t)(seconds * 1e9), measured_from = 0, next_crash = begin;
    uint64_t interval = crashes_per_second > 0 ? (uint64_t)(1e9 / crashes_per_second) : 0;
    long requests = 0, crashes = 0;
    double processor_before = 0;
    unsigned random = 1;
    for (int i = 0; i < count; i++) send_all(&connections[i], message, size);
    for (;;) {
        struct epoll_event events[256];
        int ready = epoll_wait(poller, events, 256, interval ? 1 : 1000);
        uint64_t time = now();
        if (measured_from == 0 && time >= begin) {
            measured_from = time;
            requests = 0;
            memset(latencies, 0, sizeof latencies);
            for (int i = 0; i < pid_count; i++) processor_before += processor_time(pids[i]);
        }
        if (time >= end) break;
        bool crash_due = interval != 0 && time >= next_crash;
        for (int i = 0; i < ready; i++) {
            struct connection *connection = events[i].data.ptr;
            if (!receive(connection)) continue;
            requests++;
            uint64_t latency = (now() - connection->sent_at) / 1000;
            latencies[latency < buckets ? latency : buckets - 1]++;
            // The order in which echoes arrive picks the victims; the generator only thins it.
            random = random * 1103515245 + 12345;
            if (crash_due && (random >> 16) % 8 == 0) {
                crash_due = false;
                next_crash += interval;
                crashes++;
                connection->crashing = true;
                send_all(connection, crash_text, (int)strlen(crash_text));
            } else {
                send_all(connection, message, size);
            }
        }
    }
    double elapsed = (double)(now() - measured_from) / 1e9, processor = -processor_before;
    for (int i = 0; i < pid_count; i++) processor += processor_time(pids[i]);
    printf("requests-per-s %.0f\n", (double)requests / elapsed);
    const struct { const char *name; double share; } quantiles[] = {{"p50-us", 0.5}, {"p99-us", 0.99}, {"p999-us", 0.999}};
    for (int i = 0; i < 3; i++) {
        long below = 0, wanted = (long)((double)requests * quantiles[i].share);
        int bucket = 0;
        while (bucket < buckets - 1 && (below += latencies[bucket]) <= wanted) bucket++;
        printf("%s %d\n", quantiles[i].name, bucket);
    }
    if (interval) printf("crashes %ld\n", crashes);
    if (pid_count > 0 && requests > 0) {
        printf("server-cpu-us-per-request %.3f\n", processor * 1e6 / (double)requests);
        printf("server-cores %.2f\n", processor / elapsed);
    }
}
