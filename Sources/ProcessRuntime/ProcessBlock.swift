// What the runtime keeps of one process: a block of type-stable memory, used again after its end.

internal import CapabilityModel
internal import Synchronization

/// What a process runs, called without touching its reference count.
struct Body: ~Copyable {
    let resumable: any Resumable

    consuming func take() -> any Resumable { resumable }
    @inline(__always)
    borrowing func resume(_ mode: ResumeMode) -> Suspension { resumable.resume(mode) }
    @inline(__always)
    borrowing func canRunDirectly() -> Bool { resumable.canRunDirectly }
}

/// A reason on its way to the end of a process, out of line because it is rare.
final class ReasonBox {
    let reason: ExitReason

    init(_ reason: ExitReason) {
        self.reason = reason
    }
}

/// Who may touch what: `word` and the other atomics are everybody's. The rest belongs to whoever spawns the process, until
/// the word says `runnable`; then to the thread that made it `running`; then to the thread that made it `exiting`.
///
/// ThreadSanitizer takes a change of any field for one of the first byte: the owner's fields come first, here and in the other
/// structures that threads share.
struct ProcessBlock: ~Copyable {
    let slot: UInt32
    var flags: Flags = []
    /// A `ProcessWord`.
    let word = Atomic<UInt64>(0)
    /// Of the process that has the block, or had it last. Grows between `exiting` and `free`; 0 before the first.
    let generation = Atomic<UInt32>(0)
    /// Messages in the mailbox, that is, out of the queue. Written by the owner.
    let mailboxCount = Atomic<UInt32>(0)
    /// The most messages in queue and mailbox together.
    let mailboxLimit = Atomic<UInt32>(0)
    /// The bytes that its queue and mailbox may hold, as far as one message is concerned.
    let byteLimit = Atomic<UInt64>(0)
    /// It has begun to leave, and gets no name any more. Set before its names are released.
    let isLeaving = Atomic<Bool>(false)
    /// The `AccountRecord` that messages to it are charged to, as an address.
    let account = Atomic<UInt>(0)
    /// The `ThreadState` that waits for it in a direct call, as an address, or 0. Written before it waits, by its thread.
    let blockedThread = Atomic<UInt>(0)
    /// Slices at whose end it ran. Written by the owner.
    let slices = Atomic<UInt64>(0)
    /// The receiver in whose list it stands for want of room there; 0 when in none. Set by the owner, cleared by who wakes it.
    let roomAt = Atomic<UInt64>(0)

    /// In the overflow queue or a free list: the next block. The queue's lock or the list's owner.
    var queueNext: BlockRef?
    /// Which thread runs it.
    var thread: ThreadRef?
    /// In a free block of a thread's own list: one that was retired and may be used again.
    var body: Body?
    /// The mailbox: oldest, newest, and the node before the one that `nextMessage` found last.
    var oldest: NodeRef?
    var newest: NodeRef?
    var beforeFound: NodeRef?
    /// Processes that wait for room here, as nodes.
    var firstWaiter: NodeRef?
    var lastWaiter: NodeRef?
    /// What it waits for.
    var descriptor = Wait.Descriptor.none
    var moreDescriptors: [Wait.Descriptor]?
    var pendingExit: ReasonBox?
    /// What has come after the signal that ended it, oldest first.
    var postponed: NodeRef?
    var signals = SignalState()

    struct Flags: OptionSet {
        let rawValue: UInt16

        /// Its timer may be armed.
        static let timer = Flags(rawValue: 1)
        /// `descriptor` is armed.
        static let descriptor = Flags(rawValue: 2)
        /// `moreDescriptors` are armed.
        static let moreDescriptors = Flags(rawValue: 4)
        /// It runs on its worker's stack.
        static let direct = Flags(rawValue: 8)
        /// It is the one whose end ends the run.
        static let root = Flags(rawValue: 16)
        /// The last `send` was refused because of bytes.
        static let bytesRefused = Flags(rawValue: 32)
        /// There may be messages that `nextMessage` has not looked at.
        static let unseen = Flags(rawValue: 64)
        /// Its farewells are said, and what still comes is answered.
        static let left = Flags(rawValue: 128)
        /// Its timer was armed for a long wait for messages, and is left as it is while it runs.
        static let keptTimer = Flags(rawValue: 256)
    }

    init(slot: UInt32) {
        self.slot = slot
    }
}

typealias BlockRef = Ref<ProcessBlock>

extension Ref where Value == ProcessBlock {
    @inline(__always)
    func takeBody() -> (any Resumable)? {
        guard let body = it.body.take() else { return nil }
        return body.take()
    }

    @inline(__always)
    var id: ProcessID { ProcessID(slot: it.slot, generation: it.generation.load(ordering: .relaxed)) }
}

extension ProcessID {
    static let slotBits: UInt64 = 24

    @inline(__always)
    init(slot: UInt32, generation: UInt32) {
        self.init(rawValue: UInt64(generation) << ProcessID.slotBits | UInt64(slot))
    }

    @inline(__always)
    var slot: UInt32 { UInt32(truncatingIfNeeded: rawValue & (1 << ProcessID.slotBits - 1)) }
    @inline(__always)
    var generation: UInt32 { UInt32(truncatingIfNeeded: rawValue >> ProcessID.slotBits) }
}
