// A process that may read a directory, and a child of its that may not.
#include <bulkhead.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

static void report(const char *who) {
    char text[256];
    FILE *file = fopen("/data/secret.txt", "r");
    if (file == NULL) printf("%s: %s\n", who, errno == ENOTCAPABLE ? "not granted by the policy" : strerror(errno));
    else printf("%s: read %zu bytes\n", who, fread(text, 1, sizeof text, file));
    fflush(stdout);
}

static void child(void) { report("child"); }

int main(void) {
    report("parent");
    struct bulkhead_options options = {.flags = BULKHEAD_SPAWN_MONITOR, .without = BULKHEAD_FS};
    struct bulkhead_child made;
    int32_t error = bulkhead_spawn_with(child, &options, &made);
    if (error != 0) return printf("spawn: errno %d\n", error), 1;
    struct bulkhead_message down;
    struct bulkhead_reason reason;
    bulkhead_receive(&reason, sizeof reason, &down);
    printf("the child ended: %s\n", reason.kind == BULKHEAD_NORMAL ? "normal" : "badly");
    return 0;
}
