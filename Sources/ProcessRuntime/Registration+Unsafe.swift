// What the reactor keeps for each descriptor number: type-stable, found by index, never freed while the reactor lives.

internal import Synchronization

/// One direction of a descriptor.
struct Direction: ~Copyable {
    /// How often the kernel has reported it.
    let reports = Atomic<UInt64>(0)
    /// `Waiters.none`, `Waiters.several`, or the only process that waits.
    let waiter = Atomic<UInt64>(Waiters.none)

    @inline(__always)
    var readiness: Readiness { Readiness(rawValue: reports.load(ordering: .sequentiallyConsistent)) }
}

/// No process has these for an id.
enum Waiters {
    static let none: UInt64 = 0
    /// The ids are in the stripe's lists.
    static let several: UInt64 = 1
}

struct Registration: ~Copyable {
    /// The flags below, and from `idShift` on the registration's id, never 0; another one after each `forget`.
    let state = Atomic<UInt64>(1 << Registration.idShift)
    private let directions = InlineArray<2, Direction> { _ in Direction() }

    /// - Parameter interest: one of the two.
    @inline(__always)
    subscript(interest: Interest) -> Direction {
        _read { yield directions[interest == .read ? 0 : 1] }
    }

    /// epoll knows it.
    static let watched: UInt64 = 1
    /// epoll refuses it (EPERM): regular files, directories, /dev/null.
    static let neverBlocks: UInt64 = 2
    /// The peer sends no more: reads find what is left, or the end.
    static let readClosed: UInt64 = 4
    static let idShift: UInt64 = 32

    static func token(_ state: UInt64) -> UInt32 { UInt32(truncatingIfNeeded: state >> idShift) }

    /// The next id, without flags.
    static func successor(of state: UInt64) -> UInt64 { UInt64(max(token(state) &+ 1, 1)) << idShift }
}

// SAFETY: chunks are published by a compare-and-exchange once initialised, and live as long as the table.
@safe final class RegistrationTable: @unchecked Sendable {
    private static let chunkShift = 9
    private static let chunkSize = 1 << chunkShift
    /// Times `chunkSize`: the kernel's ceiling of descriptor numbers (fs.nr_open, 1,048,576).
    private static let chunkCount = 2048

    private let chunks: UnsafeMutablePointer<Atomic<UInt>>

    init() {
        unsafe chunks = .allocate(capacity: RegistrationTable.chunkCount)
        for index in 0..<RegistrationTable.chunkCount {
            unsafe chunks.advanced(by: index).initialize(to: Atomic<UInt>(0))
        }
    }

    deinit {
        for index in 0..<RegistrationTable.chunkCount {
            let address = unsafe chunks[index].load(ordering: .relaxed)
            if let chunk = unsafe UnsafeMutablePointer<Registration>(bitPattern: address) {
                unsafe chunk.deinitialize(count: RegistrationTable.chunkSize)
                unsafe chunk.deallocate()
            }
        }
        unsafe chunks.deinitialize(count: RegistrationTable.chunkCount)
        unsafe chunks.deallocate()
    }

    /// nil when nothing was ever made for the number's neighbourhood.
    @inline(__always)
    func find(_ raw: Int32) -> UnsafeMutablePointer<Registration>? {
        let index = Int(UInt32(bitPattern: raw))
        guard index >> RegistrationTable.chunkShift < RegistrationTable.chunkCount else { return nil }
        // SAFETY: both indices are below their tables' sizes.
        let address = unsafe chunks[index >> RegistrationTable.chunkShift].load(ordering: .acquiring)
        guard let chunk = unsafe UnsafeMutablePointer<Registration>(bitPattern: address) else { return nil }
        return unsafe chunk + (index & (RegistrationTable.chunkSize - 1))
    }

    /// nil for a number that no descriptor can have.
    func make(_ raw: Int32) -> UnsafeMutablePointer<Registration>? {
        if let found = unsafe find(raw) { return unsafe found }
        let index = Int(UInt32(bitPattern: raw))
        guard index >> RegistrationTable.chunkShift < RegistrationTable.chunkCount else { return nil }
        let chunk = UnsafeMutablePointer<Registration>.allocate(capacity: RegistrationTable.chunkSize)
        for index in 0..<RegistrationTable.chunkSize {
            unsafe (chunk + index).initialize(to: Registration())
        }
        // SAFETY: whoever loses the race frees its own chunk, which nobody else has seen.
        let (exchanged, _) = unsafe chunks[index >> RegistrationTable.chunkShift].compareExchange(
            expected: 0, desired: UInt(bitPattern: chunk), ordering: .acquiringAndReleasing)
        if !exchanged {
            unsafe chunk.deinitialize(count: RegistrationTable.chunkSize)
            unsafe chunk.deallocate()
        }
        return unsafe find(raw)
    }
}
