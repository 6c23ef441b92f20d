// What the host does for all processes, where there are several: readiness, threads that may block, waking.

internal import CapabilityModel
package import ProcessRuntime

package final class WASIHost: Sendable {
    /// nil where whoever runs the one process polls for it.
    package let reactor: Reactor?
    /// nil where a call may block its thread.
    package let pool: BlockingPool?
    let wake: @Sendable (ProcessID) -> Void
    /// Whether a call may block its thread after all, because nobody else would use it.
    let mayBlock: @Sendable () -> Bool

    /// - Parameters:
    ///   - reactor: hears of every descriptor that is closed.
    ///   - pool: for calls that may wait for a disk.
    ///   - mayBlock: asked before each of these, from any worker.
    ///   - wake: makes a process's waiting call be made again; from any thread, also when the process is gone.
    package init(
        reactor: Reactor, pool: BlockingPool, mayBlock: @escaping @Sendable () -> Bool,
        wake: @escaping @Sendable (ProcessID) -> Void
    ) {
        self.reactor = reactor
        self.pool = pool
        self.mayBlock = mayBlock
        self.wake = wake
    }

    private init() {
        reactor = nil
        pool = nil
        wake = { _ in }
        mayBlock = { true }
    }

    /// One process, on a thread of its own.
    package static let single = WASIHost()
}

/// Host memory that a process's account pays for; given back when nobody uses it any more.
final class BufferCharge: Sendable {
    private let account: Account?
    private let count: UInt64

    private init(_ account: Account?, _ count: UInt64) {
        self.account = account
        self.count = count
    }

    /// nil when the account cannot pay.
    static func pay(_ account: Account?, _ count: Int) -> BufferCharge? {
        let count = UInt64(max(0, count))
        if let account, account.charge(.memory, count) != nil { return nil }
        return BufferCharge(account, count)
    }

    deinit {
        account?.refund(.memory, count)
    }
}
