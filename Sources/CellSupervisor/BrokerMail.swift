// What the broker's thread is told, and what it tells back.

import CapabilityModel
import CellProtocol
import LinuxKernel
import Synchronization

final class BrokerMail: Sendable {
    enum Letter: Sendable {
        case request(BrokerRequest)
        /// A request that was judged already.
        case answer(BrokerAnswer)
        case released(UInt32)
        /// A look-up has ended.
        case resolved(lookup: UInt32, Result<[IPAddress], ResolveError>)
        case close
    }

    private struct State {
        var letters: [Letter] = []
        /// Requests without an answer.
        var underWay = 0
        var denials: [Denial] = []
    }

    private let state = Mutex(State())
    /// Readable when there are letters.
    let wake: EventFD
    /// Readable when there are denials.
    let notice: EventFD
    /// The broker's thread waits here; `wake` is registered, as 0.
    let epoll: Epoll

    init() throws(SystemError) {
        wake = try EventFD()
        notice = try EventFD()
        epoll = try Epoll()
        try epoll.add(EpollToken(raw: wake.descriptor.rawValue, registration: 0), .read)
    }

    /// Posts what an answer is owed for; false when that many are owed already.
    func post(counting letter: Letter, upTo limit: Int) -> Bool {
        let isAdmitted = state.withLock { state in
            guard state.underWay < limit else { return false }
            state.underWay += 1
            state.letters.append(letter)
            return true
        }
        if isAdmitted { wake.signal() }
        return isAdmitted
    }

    func post(_ letter: Letter) {
        state.withLock { $0.letters.append(letter) }
        wake.signal()
    }

    func takeLetters() -> [Letter] {
        _ = wake.drain()
        return state.withLock { state in
            defer { state.letters = [] }
            return state.letters
        }
    }

    /// One more answer has gone.
    func settle() {
        state.withLock { $0.underWay -= 1 }
    }

    func report(_ denial: Denial) {
        state.withLock { $0.denials.append(denial) }
        notice.signal()
    }

    func takeDenials() -> [Denial] {
        _ = notice.drain()
        return state.withLock { state in
            defer { state.denials = [] }
            return state.denials
        }
    }
}

/// A descriptor that several may hold; closed when the last lets go.
final class HeldDescriptor: Sendable {
    let descriptor: OwnedFileDescriptor

    init(_ descriptor: consuming OwnedFileDescriptor) {
        self.descriptor = descriptor
    }

    var raw: Int32 { descriptor.rawValue }
}
