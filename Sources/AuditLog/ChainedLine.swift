// A line that proves its place: its authentication code covers the line and the code of the line before it.

package import MachineKey

/// Where a chain stands: the last line's number and its code. Number 0 is the empty chain.
package struct ChainHead: Hashable, Sendable {
    package var sequence: UInt64
    package var code: Hash256

    package static let genesis = ChainHead(sequence: 0, code: .zero)
}

/// `{"seq":N,…,"mac":"64 hexadecimal digits"}`: the code is HMAC-SHA-256 over the previous line's code (32 bytes; zeros
/// before the first line) and the line's bytes up to `,"mac"`.
package struct ChainedLine: Sendable {
    /// The line up to `,"mac"`.
    package let body: ArraySlice<UInt8>
    package let sequence: UInt64
    /// The code that the line states.
    package let code: Hash256

    private static let prefix = Array("{\"seq\":".utf8)
    private static let beforeCode = Array(",\"mac\":\"".utf8)
    private static let ending = Array("\"}".utf8)
    private static let suffixCount = beforeCode.count + 64 + ending.count
    /// Lines are shorter than this by construction; anything longer is not ours.
    package static let maximumBytes = 64 << 10

    /// nil when the line does not have the form above, whatever its code says.
    package init?(_ line: ArraySlice<UInt8>) {
        guard line.count > Self.prefix.count + Self.suffixCount, line.count <= Self.maximumBytes,
            line.starts(with: Self.prefix)
        else { return nil }
        let body = line.dropLast(Self.suffixCount)
        let suffix = line.suffix(Self.suffixCount)
        guard suffix.starts(with: Self.beforeCode), suffix.suffix(2).elementsEqual(Self.ending),
            let code = Hash256(hexadecimal: suffix.dropFirst(Self.beforeCode.count).dropLast(2))
        else { return nil }
        var sequence: UInt64 = 0
        var digits = 0
        for byte in body.dropFirst(Self.prefix.count) {
            guard (0x30...0x39).contains(byte) else { break }
            let (product, overflow) = sequence.multipliedReportingOverflow(by: 10)
            let (sum, carry) = product.addingReportingOverflow(UInt64(byte - 0x30))
            guard !overflow, !carry else { return nil }
            sequence = sum
            digits += 1
        }
        guard digits > 0, sequence > 0, sequence < .max else { return nil }
        self.body = body
        self.sequence = sequence
        self.code = code
    }

    package func isValid(after previous: Hash256, key: Authenticator) -> Bool {
        expectedCode(after: previous, key: key).matches(code)
    }

    package func expectedCode(after previous: Hash256, key: Authenticator) -> Hash256 {
        Self.code(body, after: previous, key: key)
    }

    private static func code(_ body: ArraySlice<UInt8>, after previous: Hash256, key: Authenticator) -> Hash256 {
        key.code { running in
            running.update(previous)
            running.update(body)
        }
    }

    /// Appends the line that follows `head` to `output`, with its newline, and moves the head on. `fields` is everything
    /// after the number, beginning with a comma.
    static func append(
        _ fields: ArraySlice<UInt8>, after head: inout ChainHead, key: Authenticator, to output: inout [UInt8]
    ) {
        let start = output.count
        head.sequence += 1
        output.append(contentsOf: prefix)
        output.append(contentsOf: String(head.sequence).utf8)
        output.append(contentsOf: fields)
        head.code = code(output[start...], after: head.code, key: key)
        output.append(contentsOf: beforeCode)
        head.code.appendHexadecimal(to: &output)
        output.append(contentsOf: ending)
        output.append(0x0a)
    }
}

/// The log's two chains are keyed apart, so that a line of one never passes in the other.
package struct AuditKeys: Sendable {
    let lines: Authenticator
    let anchors: Authenticator

    package init(_ key: MachineKey) {
        lines = key.root.derived(for: "bulkhead audit line 1")
        anchors = key.root.derived(for: "bulkhead audit anchor 1")
    }
}
