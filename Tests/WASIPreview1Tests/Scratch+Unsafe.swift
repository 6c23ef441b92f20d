// A temporary directory of the host.

import Glibc
import LinuxKernel

/// A directory of the host that is removed with everything in it.
final class Scratch {
    let path: String

    init() throws {
        var template = Array("/tmp/bulkhead-wasi-XXXXXX".utf8CString)
        // SAFETY: a NUL-terminated template that mkdtemp writes into.
        let made = unsafe mkdtemp(&template) != nil
        guard made else { throw SystemError("mkdtemp", errno: errno) }
        path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    deinit {
        Scratch.remove(path)
    }

    private static func remove(_ path: String) {
        // SAFETY: directory entries are read before the next readdir; all strings are NUL-terminated by the bridge.
        guard let directory = unsafe opendir(path) else { return }
        while let entry = unsafe readdir(directory) {
            let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) {
                unsafe String(cString: UnsafeRawPointer($0).assumingMemoryBound(to: CChar.self))
            }
            if name == "." || name == ".." { continue }
            let full = path + "/" + name
            if unsafe unlink(full) != 0 { remove(full) }
        }
        unsafe closedir(directory)
        unsafe rmdir(path)
    }

    func write(_ name: String, _ text: String) {
        let fd = unsafe open(path + "/" + name, O_WRONLY | O_CREAT | O_TRUNC, 0o644)
        // SAFETY: the string's UTF-8 is lent for the call.
        _ = unsafe Glibc.write(fd, text, text.utf8.count)
        close(fd)
    }

    /// nil when it can't be opened.
    func read(_ name: String) -> String? {
        let fd = unsafe open(path + "/" + name, O_RDONLY)
        if fd < 0 { return nil }
        defer { close(fd) }
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        // SAFETY: the array's own size is the limit.
        let count = unsafe Glibc.read(fd, &buffer, buffer.count)
        return String(decoding: buffer.prefix(max(0, count)), as: UTF8.self)
    }

    func exists(_ name: String) -> Bool {
        var status = stat()
        // SAFETY: a whole stat.
        return unsafe lstat(path + "/" + name, &status) == 0
    }

    func makeDirectory(_ name: String) {
        // SAFETY: the string is lent for the call.
        _ = unsafe mkdir(path + "/" + name, 0o755)
    }

    func makeFIFO(_ name: String) {
        // SAFETY: the string is lent for the call.
        _ = unsafe mkfifo(path + "/" + name, 0o644)
    }

    func link(_ name: String, to target: String) {
        // SAFETY: both strings are lent for the call.
        _ = unsafe symlink(target, path + "/" + name)
    }

    /// What a directory holds, sorted.
    func names(_ name: String) -> [String] {
        // SAFETY: as `remove`.
        guard let directory = unsafe opendir(path + "/" + name) else { return [] }
        var names: [String] = []
        while let entry = unsafe readdir(directory) {
            let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) {
                unsafe String(cString: UnsafeRawPointer($0).assumingMemoryBound(to: CChar.self))
            }
            if name != "." && name != ".." { names.append(name) }
        }
        unsafe closedir(directory)
        return names.sorted()
    }

    static func environment(_ name: String) -> String? {
        // SAFETY: nothing in the tests changes the environment; the string is copied at once.
        unsafe getenv(name).map { unsafe String(cString: $0) }
    }
}
