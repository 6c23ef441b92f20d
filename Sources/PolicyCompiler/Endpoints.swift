// Network rules and host names as a policy writes them.

package import CapabilityModel

/// Why a text is no rule, and what to write.
package struct SyntaxFault: Error, Hashable, Sendable {
    package var message: String
    package var suggestion: String?
    /// Empty where the suggestion says it all.
    package var advice: String

    package init(message: String, suggestion: String? = nil, advice: String) {
        self.message = message
        self.suggestion = suggestion
        self.advice = advice
    }
}

package enum Endpoints {
    /// `tcp://host:port`, `tcp://10.0.0.0/8:5432`, `tcp://[::1]:80-90`, `tcp://*.example.com:*`, `unix:///run/x.sock`.
    package static func parse(_ text: String) throws(SyntaxFault) -> NetworkGrant {
        let bytes = Array(text.utf8)
        guard let colon = firstIndex(of: "://", in: bytes) else {
            throw SyntaxFault(
                message: "`\(TOMLParser.shown(text))` has no scheme", advice: "write \"tcp://HOST:PORT\"")
        }
        let scheme = String(decoding: bytes[..<colon], as: UTF8.self)
        guard let transport = Transport(rawValue: scheme) else {
            throw SyntaxFault(
                message: "`\(TOMLParser.shown(scheme))` is not a scheme", advice: "write tcp://, udp:// or unix://")
        }
        let rest = String(decoding: bytes[(colon + 3)...], as: UTF8.self)
        if transport == .unix {
            guard rest.utf8.first == UInt8(ascii: "/") else {
                throw SyntaxFault(
                    message: "a unix socket needs an absolute path", advice: "write \"unix:///run/service.sock\"")
            }
            return NetworkGrant(transport: .unix, host: .path(rest), ports: 0...0)
        }
        guard let split = rest.utf8.lastIndex(of: UInt8(ascii: ":")), rest.utf8[split...].dropFirst().first != nil,
            !rest.utf8[split...].contains(UInt8(ascii: "]"))
        else {
            throw SyntaxFault(
                message: "`\(TOMLParser.shown(text))` has no port",
                advice: "write \"\(scheme)://HOST:443\", a range such as 8000-8010, or * for every port")
        }
        let host = try parseHost(String(rest[..<split]), allowsAddresses: true)
        return NetworkGrant(
            transport: transport, host: host, ports: try parsePorts(String(rest[rest.utf8.index(after: split)...])))
    }

    /// `443`, `8000-8010`, `*`
    private static func parsePorts(_ text: String) throws(SyntaxFault) -> ClosedRange<UInt16> {
        if text == "*" { return 0...UInt16.max }
        let parts = text.utf8.split(separator: UInt8(ascii: "-"), omittingEmptySubsequences: false).map {
            Substring($0)
        }
        let numbers = parts.compactMap { $0.utf8.allSatisfy { (0x30...0x39).contains($0) } ? UInt16($0) : nil }
        guard numbers.count == parts.count, (1...2).contains(numbers.count), let first = numbers.first,
            let last = numbers.last, first <= last
        else {
            throw SyntaxFault(
                message: "`\(TOMLParser.shown(text))` is not a port",
                advice: "write a port from 0 to 65535, a range such as 8000-8010, or * for every port")
        }
        return first...last
    }

    /// `*`, `*.suffix`, a name, and where allowed an address or CIDR range (IPv6 in brackets).
    package static func parseHost(_ text: String, allowsAddresses: Bool) throws(SyntaxFault) -> HostPattern {
        if text == "*" { return .anyPublic }
        if let range = try parseRange(text) {
            guard allowsAddresses else {
                throw SyntaxFault(
                    message: "an address needs no lookup", advice: "write a name, \"*.example.com\" or \"*\"")
            }
            return .cidr(address: range.address, prefix: range.prefix)
        }
        let lower = text.lowercased()
        if lower.hasPrefix("*.") {
            let suffix = String(lower.dropFirst(2))
            try checkName(suffix, written: text)
            return .subdomains(of: suffix)
        }
        try checkName(lower, written: text)
        return .name(lower)
    }

    private static func checkName(_ name: String, written: String) throws(SyntaxFault) {
        let labels = name.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        let isFine =
            name.utf8.count <= 253
            && labels.allSatisfy { label in
                (1...63).contains(label.count) && label.first != UInt8(ascii: "-") && label.last != UInt8(ascii: "-")
                    && label.allSatisfy {
                        (0x61...0x7A).contains($0) || (0x30...0x39).contains($0) || $0 == UInt8(ascii: "-")
                            || $0 == UInt8(ascii: "_")
                    }
            }
        // Resolvers read a last label that is a number as part of an address.
        let looksNumeric =
            labels.last.map { $0.allSatisfy { (0x30...0x39).contains($0) } || $0.starts(with: "0x".utf8) } ?? true
        if isFine && !looksNumeric { return }
        throw SyntaxFault(
            message: "`\(TOMLParser.shown(written))` is not a host",
            advice: "write a name, \"*.example.com\", an address, a range such as 10.0.0.0/8 or [fd00::]/8, or *")
    }

    /// nil when the text does not look like an address.
    private static func parseRange(_ text: String) throws(SyntaxFault) -> AddressRange? {
        let parts = text.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false).map {
            String(Substring($0))
        }
        guard let head = parts.first, parts.count <= 2 else { return nil }
        let bytes: [UInt8]
        if head.utf8.first == UInt8(ascii: "["), head.utf8.last == UInt8(ascii: "]") {
            guard let six = sixBytes(String(head.dropFirst().dropLast())) else {
                throw SyntaxFault(
                    message: "`\(TOMLParser.shown(head))` is not an IPv6 address", advice: "write such as [fd00::1]")
            }
            bytes = six
        } else if let four = fourBytes(head) {
            bytes = four
        } else {
            return nil
        }
        guard parts.count == 2 else { return AddressRange(address: bytes) }
        guard parts[1].utf8.allSatisfy({ (0x30...0x39).contains($0) }), let prefix = Int(parts[1]),
            prefix <= bytes.count * 8
        else {
            throw SyntaxFault(
                message: "`/\(TOMLParser.shown(parts[1]))` is not a prefix length",
                advice: "write a number from 0 to \(bytes.count * 8)")
        }
        let range = AddressRange(address: bytes, prefix: prefix)
        let isMapped = range.address.count != bytes.count
        guard isMapped || range.address == bytes else {
            throw SyntaxFault(
                message: "`\(text)` has bits behind its prefix", advice: "write \(range), which is the range it is in")
        }
        return range
    }

    /// Four decimal numbers, without leading zeros.
    package static func fourBytes(_ text: String) -> [UInt8]? {
        let parts = text.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard parts.count == 4 else { return nil }
        var bytes: [UInt8] = []
        for part in parts {
            guard (1...3).contains(part.count), part.allSatisfy({ (0x30...0x39).contains($0) }),
                part.count == 1 || part.first != 0x30, let byte = UInt8(Substring(part))
            else { return nil }
            bytes.append(byte)
        }
        return bytes
    }

    /// RFC 4291, section 2.2, without zone.
    package static func sixBytes(_ text: String) -> [UInt8]? {
        let halves = Endpoints.halves(Array(text.utf8))
        guard let halves, let head = groups(halves.head), let tail = groups(halves.tail ?? []) else { return nil }
        let missing = 16 - head.count - tail.count
        guard halves.tail == nil ? missing == 0 : missing >= 2 else { return nil }
        return head + [UInt8](repeating: 0, count: missing) + tail
    }

    /// Around `::`; nil when it stands twice.
    private static func halves(_ bytes: [UInt8]) -> (head: [UInt8], tail: [UInt8]?)? {
        guard let split = firstIndex(of: "::", in: bytes) else { return (bytes, nil) }
        let tail = Array(bytes[(split + 2)...])
        return firstIndex(of: "::", in: tail) == nil ? (Array(bytes[..<split]), tail) : nil
    }

    private static func groups(_ bytes: [UInt8]) -> [UInt8]? {
        if bytes.isEmpty { return [] }
        let parts = bytes.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false)
        var result: [UInt8] = []
        for (index, part) in parts.enumerated() {
            let text = String(decoding: part, as: UTF8.self)
            if index == parts.count - 1, let four = fourBytes(text) {
                result += four
            } else if (1...4).contains(part.count), part.allSatisfy({ Character(Unicode.Scalar($0)).isHexDigit }),
                let group = UInt16(text, radix: 16)
            {
                result += [UInt8(group >> 8), UInt8(group & 0xFF)]
            } else {
                return nil
            }
        }
        return result.count <= 16 ? result : nil
    }

    private static func firstIndex(of needle: StaticString, in bytes: [UInt8]) -> Int? {
        let wanted = Array("\(needle)".utf8)
        guard bytes.count >= wanted.count else { return nil }
        return (0...(bytes.count - wanted.count)).first { bytes[$0..<($0 + wanted.count)].elementsEqual(wanted) }
    }
}
