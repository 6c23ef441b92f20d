// Names to addresses by the C library. It blocks for as long as it likes, so a loop asks it on a thread.

internal import CLinux
internal import Glibc
internal import Synchronization

/// getaddrinfo(3) failed: the name does not exist, or nobody answered.
package struct ResolveError: Error, Hashable, Sendable, CustomStringConvertible {
    /// An EAI_* code, positive; 0 when the thread could not be made.
    package let code: Int32
    package let description: String

    package static func noThread(_ error: SystemError) -> ResolveError {
        ResolveError(code: 0, description: "\(error)")
    }
}

package enum HostResolver {
    /// Asks the C library and waits for it. The name is a host's or a literal address, without NUL. Gives at most 32
    /// addresses, in the order to try them (RFC 6724), and never none.
    package static func resolve(_ name: String) throws(ResolveError) -> [IPAddress] {
        if name.isEmpty || name.utf8.contains(0) || name.utf8.count > 253 {
            throw ResolveError(code: -EAI_NONAME, description: text(of: -EAI_NONAME))
        }
        let capacity = 32
        var entries = [UInt8](repeating: 0, count: capacity * 24)
        // SAFETY: the array has 24 bytes for each of `capacity` entries; the name is a NUL-terminated copy.
        let result = unsafe name.withCString { unsafe bulkhead_resolve($0, &entries, Int32(capacity)) }
        if result < 0 { throw ResolveError(code: -result, description: text(of: -result)) }
        var addresses: [IPAddress] = []
        for index in 0..<Int(result) {
            let entry = entries[index * 24..<(index + 1) * 24]
            let start = entry.startIndex
            let length = entry[start] == UInt8(BULKHEAD_IPV6) ? 16 : 4
            let scope = (0..<4).reduce(UInt32(0)) { $0 | UInt32(entry[start + 20 + $1]) << UInt32(8 * $1) }
            guard let address = IPAddress(bytes: Array(entry[start + 4..<start + 4 + length]), scope: scope) else {
                continue
            }
            if !addresses.contains(address) { addresses.append(address) }
        }
        if addresses.isEmpty { throw ResolveError(code: -EAI_NONAME, description: text(of: -EAI_NONAME)) }
        return addresses
    }

    private static func text(of code: Int32) -> String {
        // SAFETY: gai_strerror returns a static string; its codes are negative in this C library.
        guard let text = unsafe bulkhead_resolve_error(-code) else { return "resolver error \(code)" }
        return unsafe String(cString: text)
    }
}

/// One look-up under way on a thread of its own. Dropping it does not stop the thread, which then answers nobody.
package final class ResolveRequest: Sendable {
    private let answer: Mutex<Result<[IPAddress], ResolveError>?>
    private let done: EventFD

    /// Starts the look-up.
    package init(_ name: String) throws(SystemError) {
        answer = Mutex(nil)
        done = try EventFD()
        let thread = try spawnThread(name: "resolve", stackSize: 512 << 10) { [self] in
            let result: Result<[IPAddress], ResolveError>
            do throws(ResolveError) {
                result = .success(try HostResolver.resolve(name))
            } catch {
                result = .failure(error)
            }
            self.answer.withLock { $0 = result }
            self.done.signal()
        }
        _ = consume thread
    }

    /// Readable once the answer is there.
    package var rawDescriptor: Int32 { done.descriptor.rawValue }

    /// The answer; nil while it is under way.
    package var result: Result<[IPAddress], ResolveError>? { answer.withLock { $0 } }
}
