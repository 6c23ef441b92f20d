// What guests of a hosted cell print, as it travels: one frame a packet, on a socket of its own.

/// The header of a frame: `u64 order, u64 process, u8 stream, 3 bytes 0, u32 length`, little-endian; then the bytes. All of
/// it is a claim.
package struct OutputFrame: Hashable, Sendable {
    /// The child, or the one among whose descendants the process is.
    package var order: UInt64
    /// Who printed it.
    package var process: UInt64
    /// 1 or 2.
    package var stream: UInt8
    /// 1...`payloadLimit`
    package var length: Int

    package init(order: UInt64, process: UInt64, stream: UInt8, length: Int) {
        self.order = order
        self.process = process
        self.stream = stream
        self.length = length
    }

    package static let headerSize = 24
    package static let payloadLimit = 8 << 10
    package static let sizeLimit = headerSize + payloadLimit

    /// The header as it goes before the bytes.
    package var header: [UInt8] {
        var writer = WireWriter()
        writer.write(order)
        writer.write(process)
        writer.write(UInt32(stream))
        writer.write(UInt32(clamping: length))
        return writer.bytes
    }

    /// Of a whole packet.
    /// - Throws: for anything but one frame with the bytes that it says.
    package init(packet: ArraySlice<UInt8>) throws(WireError) {
        var reader = WireReader(packet)
        order = try reader.read()
        process = try reader.read()
        let word = try reader.read(UInt32.self)
        guard word == 1 || word == 2 else { throw .invalid("stream") }
        stream = UInt8(word)
        length = Int(try reader.read(UInt32.self))
        guard order > 0 else { throw .invalid("order") }
        guard length > 0, length <= OutputFrame.payloadLimit else { throw .tooLong }
        guard packet.count == OutputFrame.headerSize + length else { throw .truncated }
    }
}
