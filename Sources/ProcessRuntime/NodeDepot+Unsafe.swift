// Where threads' caches of nodes get batches and leave them.

internal import Glibc
internal import LinuxKernel
internal import Synchronization

/// Batches of free nodes by size class, and the memory that they are cut from.
///
/// Memory goes back to the system only with the runtime: a node's memory is a node's for good.
struct NodeDepot: ~Copyable {
    private static let slabBytes = 256 << 10

    private struct State {
        /// Each batch's first node; the batches of a class are as long as each other.
        var batches = [[NodeList]](repeating: [], count: NodeCache.classes)
        var slabs: [UInt] = []
        var free: UInt = 0
        var end: UInt = 0
    }

    private let state = Lock(State())

    /// A batch, or an empty list when there is no memory.
    func take(_ sizeClass: UInt8, batch: Int) -> NodeList {
        state.withLock { state in
            if let list = state.batches[Int(sizeClass)].popLast() { return list }
            let size = UInt(NodeCache.bytes(of: sizeClass))
            var list = NodeList()
            for _ in 0..<batch {
                if state.end - state.free < size && !NodeDepot.addSlab(&state) { break }
                guard let node = NodeRef(address: state.free) else { break }
                state.free += size
                // SAFETY: cut from a slab just now, aligned to 64 bytes, and nobody else's.
                unsafe node.raw.initialize(to: SignalNode(kind: .room, sizeClass: sizeClass))
                node.it.next = list.first
                list.first = node.address
                list.count += 1
            }
            return list
        }
    }

    func give(_ batch: NodeList, _ sizeClass: UInt8) {
        state.withLock { $0.batches[Int(sizeClass)].append(batch) }
    }

    /// The rest of the last slab, less than one node, is lost.
    private static func addSlab(_ state: inout State) -> Bool {
        var memory: UnsafeMutableRawPointer?
        // SAFETY: the result is checked.
        guard unsafe posix_memalign(&memory, 4096, slabBytes) == 0, let memory = unsafe memory else { return false }
        state.slabs.append(UInt(bitPattern: memory))
        state.free = UInt(bitPattern: memory)
        state.end = state.free + UInt(slabBytes)
        return true
    }

    deinit {
        state.withLock { state in
            for slab in state.slabs {
                // SAFETY: made by posix_memalign; whoever frees the depot has stopped every thread that had a node.
                unsafe Glibc.free(UnsafeMutableRawPointer(bitPattern: slab))
            }
        }
    }
}
