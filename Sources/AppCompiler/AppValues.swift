// Turns one TOML value into what its key means in an app, or says what to write. What policies have too is in ValueReaders.

internal import CapabilityModel
internal import PolicyCompiler

enum AppValues {
    static func identifier(_ node: TOMLNode) throws(SyntaxFault) -> String {
        let name = try ValueReaders.text(node)
        try checkIdentifier(name)
        return name
    }

    /// Names stand in paths of the tree, in file names and in the commands' output.
    static func checkIdentifier(_ name: String) throws(SyntaxFault) {
        func isLetterOrDigit(_ byte: UInt8) -> Bool {
            (0x61...0x7A).contains(byte) || (0x41...0x5A).contains(byte) || (0x30...0x39).contains(byte)
                || byte == UInt8(ascii: "_")
        }
        guard let first = name.utf8.first, isLetterOrDigit(first), name.utf8.count <= 64,
            name.utf8.allSatisfy({ isLetterOrDigit($0) || $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: "-") })
        else {
            throw SyntaxFault(
                message: "`\(TOMLParser.shown(name))` is not a name",
                advice: "write 1 to 64 letters, digits, `_`, `.` and `-`, of which the last two are not first")
        }
    }

    /// A year: longer times are meant to be none, and clocks have room for them.
    static let longest: UInt64 = 365 * 86_400_000_000_000

    /// Nanoseconds.
    static func duration(_ node: TOMLNode) throws(SyntaxFault) -> UInt64 {
        guard let value = try ValueReaders.duration(allowsUnlimited: false, node), value <= longest else {
            throw SyntaxFault(message: "this is longer than a year", advice: "write at most \"365d\"")
        }
        return value
    }

    /// Nanoseconds.
    static func wholeSeconds(_ node: TOMLNode) throws(SyntaxFault) -> UInt64 {
        let value = try duration(node)
        guard value % 1_000_000_000 == 0 else {
            throw SyntaxFault(
                message: "\(Units.durationText(value)) is not a number of whole seconds",
                advice: "restarts are counted by the second, as in OTP: write such as \"5s\"")
        }
        return value
    }

    static func shutdown(_ node: TOMLNode) throws(SyntaxFault) -> AppDocument.Shutdown {
        let advice = "write a duration such as \"5s\", or \"brutal_kill\", or \"infinity\""
        guard case .string(let text) = node.value else {
            throw SyntaxFault(message: "\(node.kind) is not a time to shut down in", advice: advice)
        }
        switch text {
        case "brutal_kill": return .brutalKill
        case "infinity": return .infinity
        default: break
        }
        guard Units.nanoseconds(text) != nil else {
            throw SyntaxFault(
                message: "`\(TOMLParser.shown(text))` is not a time to shut down in",
                suggestion: PolicySchema.nearest(to: text, among: AppSchema.shutdowns), advice: advice)
        }
        return .timeout(try duration(node))
    }

    /// A name to register: 1 to 255 bytes for the host; here with room for the number of an instance.
    static func registeredName(_ node: TOMLNode) throws(SyntaxFault) -> String {
        let name = try ValueReaders.text(node)
        guard !name.isEmpty, name.utf8.count <= 240,
            name.utf8.allSatisfy({ (0x21...0x7E).contains($0) && !"*=\"\\".utf8.contains($0) })
        else {
            throw SyntaxFault(
                message: "`\(TOMLParser.shown(name))` is not a name to register",
                advice: "write 1 to 240 bytes of printable ASCII without spaces, *, =, \" and \\")
        }
        return name
    }

    static func export(_ node: TOMLNode) throws(SyntaxFault) -> String {
        let name = try ValueReaders.text(node)
        guard !name.isEmpty, name.utf8.count <= 255, name.unicodeScalars.allSatisfy({ EscapedText.isPlain($0) }) else {
            throw SyntaxFault(
                message: "`\(TOMLParser.shown(name))` is not an export",
                advice: "write 1 to 255 bytes of printable text")
        }
        return name
    }

    static func probe(_ node: TOMLNode) throws(SyntaxFault) -> String {
        let text = try ValueReaders.text(node)
        guard text.utf8.count <= 4096 else {
            throw SyntaxFault(message: "the message is longer than 4 KiB", advice: "write a shorter one")
        }
        return text
    }

    static func policyReference(_ node: TOMLNode) throws(SyntaxFault) -> String {
        let reference = try ValueReaders.text(node)
        guard !reference.isEmpty, reference.utf8.count < 4096 else {
            throw SyntaxFault(
                message: "this names no policy", advice: "write a file's path or a shipped policy's name")
        }
        guard reference.utf8.first != UInt8(ascii: "~") else {
            throw SyntaxFault(
                message: "`~` is not expanded", advice: "write an absolute path, or one relative to this file")
        }
        return reference
    }

    /// One address to bind and one port, or a unix socket's path.
    static func listenAddress(_ node: TOMLNode) throws(SyntaxFault) -> NetworkGrant {
        let grant = try ValueReaders.endpoint(node)
        switch (grant.transport, grant.host) {
        case (.tcp, .cidr(let address, let prefix)) where prefix == address.count * 8 && grant.ports.count == 1: break
        case (.unix, .path(let path)) where path.utf8.last != UInt8(ascii: "*"): try checkSocketPath(path)
        default:
            throw SyntaxFault(
                message: "a listener has one address and one port",
                advice: "write such as \"tcp://127.0.0.1:8080\", \"tcp://0.0.0.0:8080\" for every address, or "
                    + "\"unix:///run/shop.sock\"")
        }
        return grant
    }

    /// A unix socket, or an address that only this machine reaches.
    static func localAddress(_ node: TOMLNode) throws(SyntaxFault) -> NetworkGrant {
        let grant = try listenAddress(node)
        if case .cidr(let address, _) = grant.host,
            !isAddress(address, within: [127, 0, 0, 0], prefix: 8),
            address != [UInt8](repeating: 0, count: 15) + [1]
        {
            throw SyntaxFault(
                message: "this address is not a loopback one",
                advice: "metrics tell about the whole app: write such as \"tcp://127.0.0.1:9464\" or a unix socket")
        }
        return grant
    }

    /// unix(7): sun_path holds 108 bytes, the last of them NUL.
    static func checkSocketPath(_ path: String) throws(SyntaxFault) {
        guard path.utf8.count <= 107 else {
            throw SyntaxFault(message: "a unix socket's path has at most 107 bytes", advice: "write a shorter one")
        }
    }
}
