// What Embedded Swift expects of a C library, for a module that has none: memory, random numbers, printing, and where
// the host enters. All of it is small, because every process carries it.
#include <stddef.h>
#include <stdint.h>

#define WASI(name) __attribute__((import_module("wasi_snapshot_preview1"), import_name(#name))) extern
WASI(fd_write) int32_t wasi_fd_write(int32_t fd, const void *vectors, uint32_t count, uint32_t *written);
WASI(random_get) int32_t wasi_random_get(void *bytes, uint32_t length);

// ---- Memory: blocks by size class on free lists, new ones from the end of what there is. A block is given back to its
// list only.

enum { STEP = 16, SMALL = 512, SMALL_CLASSES = SMALL / STEP, CLASSES = SMALL_CLASSES + 22, ALIGNED = 0xff };

// In front of every block; payloads lie on multiples of 16.
struct header {
    uint32_t class, offset;
};

extern char __heap_base;
static void *free_blocks[CLASSES];
static uintptr_t next, end;

static uint32_t class_of(size_t size) {
    if (size <= SMALL - sizeof(struct header)) return (uint32_t)((size + sizeof(struct header) + STEP - 1) / STEP - 1);
    uint32_t class = SMALL_CLASSES;
    while (((size_t)2 * SMALL << (class - SMALL_CLASSES)) < size + sizeof(struct header)) class++;
    return class;
}

static size_t size_of(uint32_t class) {
    return class < SMALL_CLASSES ? (class + 1) * (size_t)STEP : (size_t)2 * SMALL << (class - SMALL_CLASSES);
}

// Room for another block; 0 when there is none.
static uintptr_t extend(size_t size) {
    if (next == 0) {
        next = ((uintptr_t)&__heap_base + 15) / 16 * 16 + sizeof(struct header);
        end = __builtin_wasm_memory_size(0) * 65536u;
    }
    if (size > end - next) {
        size_t pages = (size - (end - next) + 65535u) / 65536u;
        size_t old = __builtin_wasm_memory_grow(0, pages);
        if (old == SIZE_MAX) return 0;
        // Somebody else may have grown the memory meanwhile: then the new pages do not continue ours.
        if (old * 65536u != end) {
            next = old * 65536u + sizeof(struct header);
            if (size > pages * 65536u - sizeof(struct header)) {
                if (__builtin_wasm_memory_grow(0, 1) == SIZE_MAX) return 0;
                pages++;
            }
            end = old * 65536u;
        }
        end += pages * 65536u;
    }
    uintptr_t block = next;
    next += size;
    return block;
}

void *malloc(size_t size) {
    if (size > (size_t)1 << 30) return NULL;
    uint32_t class = class_of(size);
    void *block = free_blocks[class];
    if (block != NULL) {
        free_blocks[class] = *(void **)block;
        return block;
    }
    struct header *header = (struct header *)extend(size_of(class));
    if (header == NULL) return NULL;
    header->class = class;
    return header + 1;
}

void free(void *block) {
    if (block == NULL) return;
    struct header *header = (struct header *)block - 1;
    if (header->class == ALIGNED) {
        block = (char *)block - header->offset;
        header = (struct header *)block - 1;
    }
    *(void **)block = free_blocks[header->class];
    free_blocks[header->class] = block;
}

int posix_memalign(void **out, size_t alignment, size_t size) {
    char *block = malloc(alignment <= STEP ? size : size + alignment);
    if (block == NULL) return 12;
    if (alignment > STEP && (uintptr_t)block % alignment != 0) {
        char *aligned = (char *)(((uintptr_t)block + alignment - 1) / alignment * alignment);
        struct header *header = (struct header *)aligned - 1;
        *header = (struct header){.class = ALIGNED, .offset = (uint32_t)(aligned - block)};
        block = aligned;
    }
    *out = block;
    return 0;
}

void *memcpy(void *restrict to, const void *restrict from, size_t count) {
    __builtin_memcpy(to, from, count);
    return to;
}

void *memmove(void *to, const void *from, size_t count) {
    __builtin_memmove(to, from, count);
    return to;
}

void *memset(void *to, int byte, size_t count) {
    __builtin_memset(to, byte, count);
    return to;
}

int memcmp(const void *left, const void *right, size_t count) {
    const unsigned char *a = left, *b = right;
    for (; count > 0; a++, b++, count--)
        if (*a != *b) return *a < *b ? -1 : 1;
    return 0;
}

size_t strlen(const char *text) {
    const char *end_of_text = text;
    while (*end_of_text != 0) end_of_text++;
    return (size_t)(end_of_text - text);
}

// ---- Printing: by lines, so that those of different processes do not mix.

static char line[256];
static uint32_t held;

static void write_all(int32_t fd, const char *bytes, uint32_t length) {
    while (length > 0) {
        struct {
            const char *bytes;
            uint32_t length;
        } vector = {bytes, length};
        uint32_t written = 0;
        if (wasi_fd_write(fd, &vector, 1, &written) != 0) return;
        bytes += written;
        length -= written;
    }
}

void bulkhead_swift_flush(void) {
    write_all(1, line, held);
    held = 0;
}

int putchar(int byte) {
    line[held++] = (char)byte;
    if (byte == '\n' || held == sizeof line) bulkhead_swift_flush();
    return byte;
}

__attribute__((noreturn)) void bulkhead_swift_fail(const char *text, uint32_t length) {
    bulkhead_swift_flush();
    write_all(2, text, length);
    write_all(2, "\n", 1);
    __builtin_trap();
}

// Hash tables draw their seed here, too. A policy that grants no random numbers must not lead to guessable ones.
void arc4random_buf(void *bytes, size_t length) {
    static const char denied[] = "random numbers, which hash tables also need, are not granted by the policy";
    if (wasi_random_get(bytes, (uint32_t)length) != 0) bulkhead_swift_fail(denied, sizeof denied - 1);
}

// ---- Where the host enters

void __wasm_call_ctors(void);
extern int __main_argc_argv(int, char **);
extern void bulkhead_swift_spawned(uint32_t entry);

__attribute__((export_name("_start"))) void _start(void) {
    __wasm_call_ctors();
    (void)__main_argc_argv(0, NULL);
    bulkhead_swift_flush();
}

// A child has no main.
__attribute__((export_name("bulkhead_spawned"))) void bulkhead_spawned(uint32_t entry) {
    __wasm_call_ctors();
    bulkhead_swift_spawned(entry);
    bulkhead_swift_flush();
}
