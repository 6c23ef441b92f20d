// Pages of the host: their size, and guard markers on ranges of them.
//
// A guard marker (MADV_GUARD_INSTALL, Linux 6.13) makes a page fault without splitting the mapping, so a hundred thousand
// guarded slots cost no more mappings than one. Where the kernel lacks it, mprotect does the same at two mappings a slot.

import Glibc

enum HostPage {
    // SAFETY: sysconf has no preconditions.
    static let size = Int(sysconf(Int32(_SC_PAGESIZE)))

    /// What one page of page tables covers, on x86-64 and on arm64 with pages of 4 KiB; where that is more, less is gained.
    static let tableBytes = 512 * size

    private static let guardInstall: Int32 = 102
    private static let guardRemove: Int32 = 103

    /// Whether guard markers work here; probed once on a page of its own.
    static let hasGuardMarkers: Bool = {
        // SAFETY: the page is mapped here, private, and unmapped before anyone else can know of it.
        let page = unsafe mmap(nil, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
        guard let page = unsafe page, unsafe page != MAP_FAILED else { return false }
        defer { _ = unsafe munmap(page, size) }
        return unsafe madvise(page, size, guardInstall) == 0
    }()

    /// Reserves address space. Readable and writable if `accessible`, then without huge pages, which would make one
    /// touched page cost 2 MiB; else for one large memory, where huge pages save faults and address translations. 0 on
    /// failure.
    static func reserve(_ length: Int, accessible: Bool) -> UInt {
        let protection = accessible ? PROT_READ | PROT_WRITE : PROT_NONE
        // SAFETY: a fresh anonymous mapping overlaps nothing.
        let base = unsafe mmap(nil, length, protection, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)
        guard let base = unsafe base, unsafe base != MAP_FAILED else { return 0 }
        // EINVAL only says that this kernel has no huge pages.
        _ = unsafe madvise(base, length, accessible ? MADV_NOHUGEPAGE : MADV_HUGEPAGE)
        return UInt(bitPattern: base)
    }

    /// Unmaps what `reserve` gave.
    static func release(_ base: UInt, _ length: Int) {
        // SAFETY: the caller owns the whole mapping and nothing points into it any more.
        _ = unsafe munmap(UnsafeMutableRawPointer(bitPattern: base), length)
    }

    /// Makes `[base, base + length)` fault. False when the kernel has no room for it.
    static func protect(_ base: UInt, _ length: Int, markers: Bool) -> Bool {
        guard length > 0 else { return true }
        // SAFETY: page-aligned and within a mapping of ours; whoever holds the slot is the caller.
        let pointer = unsafe UnsafeMutableRawPointer(bitPattern: base)
        if markers { return unsafe madvise(pointer, length, guardInstall) == 0 }
        return unsafe mprotect(pointer, length, PROT_NONE) == 0
    }

    /// Undoes `protect`; the pages read as zero.
    static func unprotect(_ base: UInt, _ length: Int, markers: Bool) -> Bool {
        guard length > 0 else { return true }
        // SAFETY: as for `protect`.
        let pointer = unsafe UnsafeMutableRawPointer(bitPattern: base)
        if markers { return unsafe madvise(pointer, length, guardRemove) == 0 }
        return unsafe mprotect(pointer, length, PROT_READ | PROT_WRITE) == 0
    }

    /// Gives the pages back; they read as zero afterwards. Guard markers stay.
    static func discard(_ base: UInt, _ length: Int) -> Bool {
        guard length > 0 else { return true }
        // SAFETY: as for `protect`; private anonymous memory, so that MADV_DONTNEED zeroes (madvise(2)).
        return unsafe madvise(UnsafeMutableRawPointer(bitPattern: base), length, MADV_DONTNEED) == 0
    }

    /// Maps a part of what `reserve` gave anew: its pages read as zero, its guards are gone, and so are its page tables. False
    /// when the kernel refuses; the range is then as it was.
    static func renew(_ base: UInt, _ length: Int) -> Bool {
        // SAFETY: page-aligned and within an accessible mapping of ours, of which nobody uses this part.
        let renewed = unsafe mmap(
            UnsafeMutableRawPointer(bitPattern: base), length, PROT_READ | PROT_WRITE,
            MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0)
        guard unsafe renewed != MAP_FAILED else { return false }
        // As its neighbours, so that they are one mapping.
        _ = unsafe madvise(renewed, length, MADV_NOHUGEPAGE)
        return true
    }
}
