// UDP: a datagram from a connected socket, and one to an address, both with their sender's name.
#include <bulkhead.h>

#include "sdk.h"

static uint32_t address_of(int32_t fd, char *text) {
    uint32_t length = 0;
    return bulkhead_host_socket_address(fd, 0, text, 64, &length) == 0 ? length : 0;
}

int main(void) {
    int32_t bound = -1, peer = -1;
    expect("udp-bind", bulkhead_host_udp_bind("127.0.0.1", 9, 0, &bound) == 0);
    char own[64], others[64], from[64], text[100];
    uint32_t length = address_of(bound, own), port = 0, count = 0;
    for (uint32_t i = 10; i < length; i++) port = port * 10 + (uint32_t)(own[i] - '0');
    expect("udp-connect", bulkhead_host_udp_connect("127.0.0.1", 9, port, &peer) == 0);
    bool sent = bulkhead_write(peer, "datagram", 8) == 0;
    bool got = bulkhead_host_udp_receive(bound, text, sizeof text, from, &count) == 0;
    length = address_of(peer, others);
    expect("udp-receive", sent && got && count == 8 && same(from, others, length) && from[length] == 0);
    sent = bulkhead_host_udp_send(bound, "127.0.0.1", 9, port, "to oneself", 10) == 0;
    got = bulkhead_host_udp_receive(bound, text, 2, from, &count) == 0;
    expect("udp-send", sent && got && same(text, "to", 2) && same(from, own, 10));
    expect("udp-denied", bulkhead_host_udp_send(bound, "127.0.0.1", 9, 1, "x", 1) == BULKHEAD_NOTCAPABLE);
    return finish();
}
