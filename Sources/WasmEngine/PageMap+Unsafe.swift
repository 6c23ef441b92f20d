// Which pages of a memory hold anything of its own (/proc/self/pagemap, Documentation/admin-guide/mm/pagemap.rst).
//
// mincore(2) would not do: it calls a page absent that is swapped out, and that page may hold what a guest wrote.

internal import CWasmtime
internal import Glibc

enum PageMap {
    /// Opened while the cell warms up and may still open files; -1 where there is none.
    private static let descriptor: Int32 = {
        // SAFETY: a static path.
        unsafe open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC)
    }()

    /// Opens it, or finds out that it cannot be.
    static func prepare() { _ = descriptor }

    /// Whether it tells of this process: one that was opened before a fork(2) tells of the parent.
    static let isTrue: Bool = {
        let length = 2 * HostPage.size
        let base = HostPage.reserve(length, accessible: true)
        guard base != 0 else { return false }
        defer { HostPage.release(base, length) }
        // SAFETY: the second of two pages of ours.
        unsafe UnsafeMutablePointer<UInt8>(bitPattern: base + UInt(HostPage.size))?.pointee = 1
        return touchedPages(base, length) == [1]
    }()

    /// Indices of the pages of `[base, base + length)` that are present or swapped out, so that all others are zero; nil when
    /// the kernel does not say. Page-aligned, at most 65,536 pages.
    static func touchedPages(_ base: UInt, _ length: Int) -> [UInt16]? {
        let count = length / HostPage.size
        guard descriptor >= 0, count <= 1 << 16 else { return nil }
        let presentOrSwapped: UInt64 = 3 << 62
        // SAFETY: `count` entries are written, or the call fails.
        return unsafe withUnsafeTemporaryAllocation(of: UInt64.self, capacity: max(count, 1)) { entries in
            guard unsafe bulkhead_read_pagemap(descriptor, base, entries.baseAddress, count) else { return nil }
            var touched: [UInt16] = []
            for index in 0..<count where unsafe entries[index] & presentOrSwapped != 0 {
                touched.append(UInt16(index))
            }
            return touched
        }
    }
}
