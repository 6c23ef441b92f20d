// Does with files and directories beneath /data all that a well-behaved program does, one line a step.
#include "guest.h"

static __wasi_fd_t directory;

static __wasi_errno_t list(void) {
    static uint8_t buffer[4096];
    __wasi_size_t used = 0;
    __wasi_fd_t fd = 0;
    __wasi_rights_t rights = __WASI_RIGHTS_FD_READDIR;
    __wasi_errno_t error = __wasi_path_open(directory, 0, "made", __WASI_OFLAGS_DIRECTORY, rights, 0, 0, &fd);
    if (error == 0) error = __wasi_fd_readdir(fd, buffer, sizeof buffer, __WASI_DIRCOOKIE_START, &used);
    if (error != 0) return error;
    int seen = 0;
    for (size_t at = 0; at + sizeof(__wasi_dirent_t) <= used;) {
        __wasi_dirent_t entry;
        memcpy(&entry, buffer + at, sizeof entry);
        const char *name = (const char *)buffer + at + sizeof entry;
        if (entry.d_namlen == 3 && memcmp(name, "one", 3) == 0 && entry.d_type == __WASI_FILETYPE_REGULAR_FILE) seen++;
        at += sizeof entry + entry.d_namlen;
    }
    (void)!__wasi_fd_close(fd);
    return seen == 1 ? 0 : __WASI_ERRNO_NOENT;
}

static __wasi_errno_t read_back(const char *path, const char *wanted) {
    uint8_t bytes[64] = {0};
    __wasi_fd_t fd = 0;
    __wasi_size_t count = 0;
    __wasi_iovec_t piece = {.buf = bytes, .buf_len = sizeof bytes - 1};
    __wasi_errno_t error = open_for_reading(directory, path, &fd);
    if (error == 0) error = __wasi_fd_read(fd, &piece, 1, &count);
    if (error != 0) return error;
    (void)!__wasi_fd_close(fd);
    return strcmp((const char *)bytes, wanted) == 0 ? 0 : __WASI_ERRNO_IO;
}

static __wasi_errno_t write_with(const char *path, __wasi_oflags_t open_flags, __wasi_fdflags_t flags,
                                 const char *text) {
    __wasi_fd_t fd = 0;
    __wasi_rights_t rights = WRITE_RIGHTS;
    __wasi_errno_t error = __wasi_path_open(directory, OPEN_FOLLOWING, path, open_flags, rights, rights, flags, &fd);
    if (error == 0) error = write_all(fd, text, strlen(text));
    return error == 0 ? __wasi_fd_close(fd) : error;
}

int main(void) {
    __wasi_filestat_t status = {0};
    directory = preopen("/data");
    outcome("mkdir", __wasi_path_create_directory(directory, "made"));
    outcome("create", write_with("made/one", __WASI_OFLAGS_CREAT | __WASI_OFLAGS_EXCL, 0, "text"));
    outcome("append", write_with("made/one", 0, __WASI_FDFLAGS_APPEND, " and more"));
    outcome("read", read_back("made/one", "text and more"));
    outcome("list", list());
    outcome("stat", __wasi_path_filestat_get(directory, 0, "made/one", &status));
    outcome("size", status.size == 13 ? 0 : __WASI_ERRNO_IO);
    outcome("rename", __wasi_path_rename(directory, "made/one", directory, "made/two"));
    outcome("old name", reach(directory, "made/one") == __WASI_ERRNO_NOENT ? 0 : __WASI_ERRNO_IO);
    outcome("unlink", __wasi_path_unlink_file(directory, "made/two"));
    outcome("rmdir", __wasi_path_remove_directory(directory, "made"));
}
