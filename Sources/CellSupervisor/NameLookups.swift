// Look-ups by the C library, which block for as long as it likes: a few threads share a queue, and end when it is empty.

import LinuxKernel
import Synchronization

final class NameLookups: Sendable {
    /// Look-ups at once. A name server that is silent holds one up for ten seconds or so.
    private static let threadLimit = 16

    private struct State {
        var queue: [(lookup: UInt32, name: String)] = []
        var threads = 0
        var isClosed = false
    }

    private let state = Mutex(State())
    private let mail: BrokerMail

    init(mail: BrokerMail) {
        self.mail = mail
    }

    /// Answered by a letter, always.
    func start(_ lookup: UInt32, _ name: String) {
        let needsThread = state.withLock { state in
            state.queue.append((lookup, name))
            guard state.threads < NameLookups.threadLimit else { return false }
            state.threads += 1
            return true
        }
        guard needsThread else { return }
        do throws(SystemError) {
            let thread = try spawnThread(name: "resolve", stackSize: 512 << 10) { [self] in work() }
            _ = consume thread
        } catch {
            // With others at work the name is theirs; with none it would wait for ever.
            let stranded = state.withLock { state in
                state.threads -= 1
                defer { if state.threads == 0 { state.queue = [] } }
                return state.threads == 0 ? state.queue : []
            }
            for entry in stranded {
                mail.post(.resolved(lookup: entry.lookup, .failure(ResolveError.noThread(error))))
            }
        }
    }

    /// Nobody waits for what is still queued.
    func close() {
        state.withLock { state in
            state.isClosed = true
            state.queue = []
        }
    }

    private func work() {
        while let next = next() {
            let result: Result<[IPAddress], ResolveError>
            do throws(ResolveError) {
                result = .success(try HostResolver.resolve(next.name))
            } catch {
                result = .failure(error)
            }
            mail.post(.resolved(lookup: next.lookup, result))
        }
    }

    private func next() -> (lookup: UInt32, name: String)? {
        state.withLock { state in
            guard !state.isClosed, !state.queue.isEmpty else {
                state.threads -= 1
                return nil
            }
            return state.queue.removeFirst()
        }
    }
}
