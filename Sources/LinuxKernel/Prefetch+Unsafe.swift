// Memory that will be read soon, asked for while there is something else to do.

internal import CLinux
package import Synchronization

/// Ranges of memory, as hints: nothing is wrong with one that is gone.
package struct MemoryHint: Hashable, Sendable {
    /// The first line's address, and in its low six bits how many lines; 0 is no hint.
    package let word: UInt

    /// At most 63 lines of 64 bytes.
    package init(_ address: UInt, bytes: UInt) {
        let first = address & ~63
        word = bytes == 0 ? 0 : first | min((address + bytes - first + 63) / 64, 63)
    }

    /// Asks the processor for what `hints` name, up to the first that is 0.
    @inline(__always)
    package static func prefetch(_ hints: UnsafePointer<Atomic<UInt>>, count: Int32) {
        // SAFETY: an atomic word is laid out as one, and is read as an atomic there; addresses are not accessed.
        unsafe bulkhead_prefetch(UnsafeRawPointer(hints).assumingMemoryBound(to: UInt.self), count)
    }
}
