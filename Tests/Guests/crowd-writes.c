// PROCESSES LINES: so many processes print so many lines each, all at once. The lines of one process are numbered.
#include <bulkhead.h>
#include "guest.h"

static void print(void) {
    static char text[64];
    uint32_t given[2];
    if (bulkhead_argument(given, sizeof given) != 0) return;
    for (uint32_t line = 0; line < given[1]; line++) {
        // "   17:    3 ......", 32 bytes with the line break.
        memset(text, '.', 31);
        const char *number = decimal(given[0]);
        memcpy(text, number, strlen(number));
        text[8] = ':';
        number = decimal(line);
        memcpy(text + 9, number, strlen(number));
        text[31] = '\n';
        if (write_all(1, text, 32) != 0) __builtin_trap();
    }
}

int main(int argc, char **argv) {
    if (argc < 3) return 64;
    uint32_t count = (uint32_t)atoi(argv[1]), failures = 0;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t given[2] = {i, (uint32_t)atoi(argv[2])};
        struct bulkhead_options options = {
            .flags = BULKHEAD_SPAWN_MONITOR, .argument = given, .argument_length = sizeof given};
        struct bulkhead_child child;
        if (bulkhead_spawn_with(print, &options, &child) != 0) return 2;
    }
    for (uint32_t i = 0; i < count; i++) {
        struct bulkhead_reason reason;
        struct bulkhead_message message;
        if (bulkhead_receive(&reason, sizeof reason, &message) != 0 || reason.kind != BULKHEAD_NORMAL) failures++;
    }
    return failures == 0 ? 0 : 3;
}
