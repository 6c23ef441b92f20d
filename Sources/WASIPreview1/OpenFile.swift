// An open file of the host that descriptors of several processes may lead to. Closed when the last of them goes.

package import LinuxKernel
package import ProcessRuntime
internal import Synchronization

package final class OpenFile: Sendable {
    let file: OwnedFileDescriptor
    /// Other OS processes hold the same open file description (open(2)), so its flags are not ours to change.
    let isShared: Bool
    /// What the host keeps for as long as the file is open.
    package let companion: (any AnyObject & Sendable)?
    /// On a mount with a quota: that the file is open, which keeps its bytes from being given back.
    let hold: OpenHold?
    /// O_APPEND, which belongs to the open file description and so to every descriptor.
    let appends: Atomic<Bool>
    /// The kernel knows no RWF_NOWAIT for it.
    let knowsNoNowait = Atomic<Bool>(false)
    /// What the reactor had said before the last read that left nothing; `Readiness.unknown` after any other.
    let drained = Atomic<UInt64>(Readiness.unknown.rawValue)
    private let reactor: Reactor?

    /// - Parameters:
    ///   - file: taken over.
    ///   - isShared: whether other OS processes hold its open file description.
    ///   - reactor: hears of its end before it is closed.
    ///   - companion: kept for as long as it is open.
    package convenience init(
        _ file: consuming OwnedFileDescriptor, isShared: Bool = false, reactor: Reactor?,
        companion: (any AnyObject & Sendable)? = nil
    ) {
        self.init(file, isShared: isShared, appends: false, hold: nil, reactor: reactor, companion: companion)
    }

    init(
        _ file: consuming OwnedFileDescriptor, isShared: Bool = false, appends: Bool, hold: OpenHold?,
        reactor: Reactor?, companion: (any AnyObject & Sendable)? = nil
    ) {
        self.file = file
        self.isShared = isShared
        self.appends = Atomic(appends)
        self.hold = hold
        self.reactor = reactor
        self.companion = companion
    }

    deinit {
        reactor?.forget(file.rawValue, isShared: isShared) { _ in }
    }

    var raw: Int32 { file.rawValue }
}
