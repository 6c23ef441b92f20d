// What stands in a process's queue and mailbox: one node for each message or signal, its bytes behind it.

internal import CapabilityModel
internal import Glibc

/// What is sent along with a message's bytes.
final class AttachmentBox: Sendable {
    let attachments: [Attachment]
    /// The alias that the message was sent to, or 0.
    let alias: UInt64

    init(_ attachments: [Attachment], alias: UInt64) {
        self.attachments = attachments
        self.alias = alias
    }
}

/// 56 bytes, then the payload: a message's bytes, a `Signal`, or the `ExitReason` of an EXIT or DOWN message.
///
/// Who holds a node owns it: the sender until it is in a queue, then the process, or whoever ends it.
// SAFETY: nodes are 64-byte aligned memory of at least their class's size; a node's payload holds a value of the type that
// its kind says, initialised when the node is made and deinitialised when it is freed.
struct SignalNode: ~Copyable {
    enum Kind: UInt8 {
        case data
        case exit
        case down
        /// Not a message: the payload is a `Signal`.
        case signal
        /// Not a message: the sender waits for room in this mailbox.
        case room
    }

    static let headerBytes = 56

    /// The next older one in a queue, the next newer one in a mailbox, the next free one in a list.
    var next: UInt
    /// For whom it was sent. A block may have been used again meanwhile, and then the node is not for its process.
    var target: UInt64
    var sender: UInt64
    var tag: UInt64
    /// In bytes.
    var length: UInt32
    var kind: Kind
    var sizeClass: UInt8
    /// Whether `extra` is a retained `AttachmentBox`; else it is the alias that it was sent to, or 0.
    var hasAttachments: Bool
    var extra: UInt
    /// The `AccountRecord` that pays for it, as an address, or 0.
    var account: UInt

    init(kind: Kind, sizeClass: UInt8) {
        next = 0
        target = 0
        sender = 0
        tag = 0
        length = 0
        self.kind = kind
        self.sizeClass = sizeClass
        hasAttachments = false
        extra = 0
        account = 0
    }
}

typealias NodeRef = Ref<SignalNode>

extension Ref where Value == SignalNode {
    @inline(__always)
    var payload: UnsafeMutableRawPointer {
        // SAFETY: every node's memory goes on behind its header.
        unsafe UnsafeMutableRawPointer(raw).advanced(by: SignalNode.headerBytes)
    }

    /// The payload as the value that the node's kind says.
    func value<T>(_ type: T.Type) -> T {
        // SAFETY: the kind says so; see `SignalNode`.
        unsafe payload.assumingMemoryBound(to: type).pointee
    }

    func initializeValue<T>(_ value: T) {
        // SAFETY: nodes for values have room for them, see `NodeCache.valueClass`; nothing is there yet.
        unsafe payload.initializeMemory(as: T.self, to: value)
    }

    func takeValue<T>(_ type: T.Type) -> T {
        // SAFETY: the kind says that it holds one; the caller changes the kind or frees the node.
        unsafe payload.assumingMemoryBound(to: type).move()
    }

    @inline(__always)
    func copyIn(_ data: UnsafeRawBufferPointer) {
        if let base = data.baseAddress, data.count > 0 {
            // SAFETY: the node's class was chosen for these many bytes.
            unsafe payload.copyMemory(from: base, byteCount: data.count)
        }
    }

    @inline(__always)
    var bytes: UnsafeRawBufferPointer {
        unsafe UnsafeRawBufferPointer(start: UnsafeRawPointer(payload), count: Int(it.length))
    }

    func attach(_ box: AttachmentBox) {
        // SAFETY: balanced by `releasePayload`.
        it.extra = unsafe UInt(bitPattern: Unmanaged.passRetained(box).toOpaque())
        it.hasAttachments = true
    }

    var attachments: [Attachment] { box?.attachments ?? [] }

    /// The alias that it was sent to, or 0.
    @inline(__always)
    var alias: UInt64 { it.hasAttachments ? box?.alias ?? 0 : UInt64(it.extra) }

    /// What a message counts in its receiver's account, in bytes.
    @inline(__always)
    var cost: Int { Message.cost(bytes: Int(it.length), attachments: it.hasAttachments ? attachments.count : 0) }

    private var box: AttachmentBox? {
        guard it.hasAttachments, let raw = unsafe UnsafeRawPointer(bitPattern: it.extra) else { return nil }
        // SAFETY: retained by `attach`, and the node lives.
        return unsafe Unmanaged<AttachmentBox>.fromOpaque(raw).takeUnretainedValue()
    }

    /// Ends what the payload holds; the node's memory may be used again.
    @inline(__always)
    func releasePayload() {
        switch it.kind {
        case .data:
            if it.hasAttachments { releaseAttachments() }
        case .exit, .down:
            // SAFETY: such a node holds a reason.
            unsafe payload.assumingMemoryBound(to: ExitReason.self).deinitialize(count: 1)
        case .signal:
            // SAFETY: such a node holds a signal.
            unsafe payload.assumingMemoryBound(to: Signal.self).deinitialize(count: 1)
        case .room:
            break
        }
    }

    private func releaseAttachments() {
        guard let raw = unsafe UnsafeRawPointer(bitPattern: it.extra) else { return }
        // SAFETY: balances `attach`.
        unsafe Unmanaged<AttachmentBox>.fromOpaque(raw).release()
    }
}

/// Nodes of one size class that nobody uses, in a row.
struct NodeList {
    var first: UInt = 0
    var count = 0
}

/// Free nodes of one thread, by size class. Used by that thread alone; whole batches go to and come from the depot.
struct NodeCache: ~Copyable {
    /// Sizes in bytes: 64, 128, … 4096; a larger node is memory of its own.
    static let classes = 7
    static let own = UInt8(classes)
    /// Holds any `Signal` and any `ExitReason`.
    static let valueClass: UInt8 = 1
    /// A cache keeps at most twice this many bytes of each class.
    private static let batchBytes = 32 << 10

    private var lists = InlineArray<7, NodeList>(repeating: NodeList())
    private let depot: Ref<NodeDepot>

    init(depot: Ref<NodeDepot>) {
        self.depot = depot
    }

    /// Of a node for so many bytes.
    @inline(__always)
    static func sizeClass(payload: Int) -> UInt8 {
        let bytes = payload + SignalNode.headerBytes
        if bytes <= 64 { return 0 }
        if bytes > 4096 { return own }
        return UInt8(truncatingIfNeeded: Int.bitWidth - (bytes - 1).leadingZeroBitCount - 6)
    }

    @inline(__always)
    static func bytes(of sizeClass: UInt8) -> Int { 64 << Int(sizeClass) }

    private static func batch(of sizeClass: UInt8) -> Int { batchBytes / bytes(of: sizeClass) }

    /// For so many bytes, which the caller has checked may be had; nil when there is no memory.
    @inline(__always)
    mutating func make(_ kind: SignalNode.Kind, payload: Int) -> NodeRef? {
        make(kind, sizeClass: NodeCache.sizeClass(payload: payload), payload: payload)
    }

    /// A node for a signal or a reason.
    mutating func makeForValue(_ kind: SignalNode.Kind) -> NodeRef? {
        make(kind, sizeClass: NodeCache.valueClass, payload: 0)
    }

    @inline(__always)
    private mutating func make(_ kind: SignalNode.Kind, sizeClass: UInt8, payload: Int) -> NodeRef? {
        if sizeClass == NodeCache.own { return NodeCache.makeOwn(kind, payload: payload) }
        let index = Int(sizeClass)
        if lists[index].first == 0 {
            lists[index] = depot.it.take(sizeClass, batch: NodeCache.batch(of: sizeClass))
        }
        guard let node = NodeRef(address: lists[index].first) else { return nil }
        lists[index].first = node.it.next
        lists[index].count -= 1
        // SAFETY: the node was in a free list, so nobody else has it, and it holds nothing.
        unsafe node.raw.initialize(to: SignalNode(kind: kind, sizeClass: sizeClass))
        return node
    }

    private static func makeOwn(_ kind: SignalNode.Kind, payload: Int) -> NodeRef? {
        var memory: UnsafeMutableRawPointer?
        // SAFETY: the result is checked; 64 is a power of two and a multiple of a pointer's size.
        guard unsafe posix_memalign(&memory, 64, payload + SignalNode.headerBytes) == 0, let memory = unsafe memory
        else { return nil }
        let raw = unsafe memory.bindMemory(to: SignalNode.self, capacity: 1)
        unsafe raw.initialize(to: SignalNode(kind: kind, sizeClass: own))
        return unsafe NodeRef(raw)
    }

    /// Takes a node back, whichever thread made it.
    @inline(__always)
    mutating func free(_ node: NodeRef) {
        node.releasePayload()
        let sizeClass = node.it.sizeClass
        if sizeClass == NodeCache.own {
            // SAFETY: made by posix_memalign, and nobody refers to it any more.
            unsafe Glibc.free(node.raw)
            return
        }
        let index = Int(sizeClass)
        node.it.next = lists[index].first
        lists[index].first = node.address
        lists[index].count += 1
        if lists[index].count >= 2 * NodeCache.batch(of: sizeClass) { giveBatch(sizeClass) }
    }

    private mutating func giveBatch(_ sizeClass: UInt8) {
        let index = Int(sizeClass)
        let count = NodeCache.batch(of: sizeClass)
        let batch = NodeList(first: lists[index].first, count: count)
        var last = NodeRef(address: batch.first)
        for _ in 1..<count { last = last.flatMap { NodeRef(address: $0.it.next) } }
        guard let last else { return }
        lists[index] = NodeList(first: last.it.next, count: lists[index].count - count)
        last.it.next = 0
        depot.it.give(batch, sizeClass)
    }
}
