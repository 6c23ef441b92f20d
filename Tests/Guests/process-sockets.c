// Every kind of socket that the broker makes: UDP bound, connected and addressed, unix sockets, names, any port.
#include "processes.h"

static uint32_t length_of(const char *text) { return (uint32_t)strlen(text); }
#define TEXT(text) (text), length_of(text)

// The port behind the last colon.
static uint32_t port_of(int32_t fd) {
    char text[64];
    uint32_t count = 0;
    REQUIRE(0, bulkhead_host_socket_address(fd, 0, text, sizeof text, &count));
    uint32_t port = 0;
    for (uint32_t at = 0; at < count; at++) {
        if (text[at] == ':') port = 0;
        else port = port * 10 + (uint32_t)(text[at] - '0');
    }
    return port;
}

static void datagrams(void) {
    int32_t bound = -1, peer = -1, other = -1;
    EXPECT("bind", 0, bulkhead_host_udp_bind(TEXT("127.0.0.1"), 0, &bound));
    uint32_t port = port_of(bound);
    EXPECT("send to a rule's address", 0, bulkhead_host_udp_send(bound, TEXT("127.0.0.1"), port, "ping", 4));
    char buffer[16], address[64];
    uint32_t count = 0;
    EXPECT("receive", 0, bulkhead_host_udp_receive(bound, buffer, sizeof buffer, address, &count));
    EXPECT("what was sent", 4, count);
    EXPECT("send elsewhere", BULKHEAD_NOTCAPABLE, bulkhead_host_udp_send(bound, TEXT("127.0.0.2"), port, "ping", 4));
    EXPECT("send from no socket", BULKHEAD_BADF, bulkhead_host_udp_send(77, TEXT("127.0.0.1"), port, "ping", 4));
    EXPECT("connect", 0, bulkhead_host_udp_connect(TEXT("127.0.0.1"), port, &peer));
    EXPECT("written to the peer", 0, write_all((__wasi_fd_t)peer, "pong", 4));
    EXPECT("received", 0, bulkhead_host_udp_receive(bound, buffer, sizeof buffer, address, &count));
    EXPECT("bind elsewhere", BULKHEAD_NOTCAPABLE, bulkhead_host_udp_bind(TEXT("127.0.0.2"), 0, &other));
}

static void paths(const char *directory) {
    char path[256], elsewhere[256];
    strcpy(path, directory);
    strcat(path, "/a.sock");
    strcpy(elsewhere, directory);
    strcat(elsewhere, "/../b.sock");
    int32_t listener = -1, client = -1, second = -1;
    EXPECT("listen on a path", 0, bulkhead_host_unix_listen(TEXT(path), 4, &listener));
    EXPECT("connect to it", 0, bulkhead_host_unix_connect(TEXT(path), &client));
    __wasi_fd_t served;
    EXPECT("accept", 0, __wasi_sock_accept((__wasi_fd_t)listener, 0, &served));
    EXPECT("written", 0, write_all((__wasi_fd_t)client, "over there", 10));
    EXPECT("not twice", __WASI_ERRNO_ADDRINUSE, bulkhead_host_unix_listen(TEXT(path), 4, &second));
    EXPECT("not elsewhere", 1, bulkhead_host_unix_listen(TEXT(elsewhere), 4, &second) != 0);
    EXPECT("not any path", BULKHEAD_NOTCAPABLE, bulkhead_host_unix_connect(TEXT("/run/other.sock"), &second));
}

static void names(void) {
    char text[256];
    uint32_t count = 0;
    EXPECT("a name", 0, bulkhead_host_resolve(TEXT("localhost"), text, sizeof text, &count));
    EXPECT("with an address", 1, count >= 3);
    EXPECT("another name", BULKHEAD_NOTCAPABLE, bulkhead_host_resolve(TEXT("example.com"), text, sizeof text, &count));
}

static void any_port(void) {
    int32_t first = -1, second = -1;
    EXPECT("any port", 0, bulkhead_host_tcp_listen(TEXT("127.0.0.1"), 0, 8, &first));
    uint32_t port = port_of(first);
    EXPECT("of the policy's", 1, port >= 42000 && port <= 42999);
    EXPECT("another", 0, bulkhead_host_tcp_listen(TEXT("localhost"), 0, 8, &second));
    EXPECT("is another", 1, port_of(second) != port);
    EXPECT("none outside", BULKHEAD_NOTCAPABLE, bulkhead_host_tcp_listen(TEXT("127.0.0.1"), 80, 8, &second));
}

int main(int count, char **words) {
    datagrams();
    if (count > 1) paths(words[1]);
    names();
    any_port();
    say("done\n");
    return 0;
}
