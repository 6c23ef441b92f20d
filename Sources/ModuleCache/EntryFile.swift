// One file for native code and what is known of it: a cache entry, or a pre-compiled module (`.bhm`).

internal import CellProtocol
internal import Glibc
internal import LinuxKernel
internal import MachineKey

/// `native code · metadata · code (32) · metadata's length (8) · native code's length (8) · magic (8)`; integers little-endian.
/// The code is HMAC-SHA-256 over both lengths, the native code and the metadata. Native code comes first because it is loaded
/// by path, from offset 0.
enum EntryFile {
    static let magic = Array("BHMODUL1".utf8)
    static let trailerCount = 32 + 8 + 8 + 8
    static let metadataLimit: UInt64 = 16 << 20
    private static let chunkBytes = 1 << 18

    /// Why an entry is not used.
    enum Rejection: Error {
        /// It was changed, cut short, or written with another key.
        case tampered(String)
        /// It is whole, and for another engine, format or module.
        case stale(String)
        case system(SystemError)

        var why: String {
            switch self {
            case .tampered(let why), .stale(let why): why
            case .system(let error): "\(error)"
            }
        }
    }

    /// Whether a file ends as an entry does; says nothing about its authenticity.
    static func isEntry(_ file: borrowing OwnedFileDescriptor, size: UInt64) throws(SystemError) -> Bool {
        guard size >= UInt64(trailerCount) else { return false }
        return try HostFile.read(file, at: size - 8, count: 8) == magic
    }

    /// Copies the native code into a sealed memory file while authenticating it, so that what was checked is what is
    /// loaded, whatever happens to the file meanwhile.
    static func load(
        _ file: borrowing OwnedFileDescriptor, size: UInt64, key: Authenticator
    ) throws(Rejection) -> LoadedEntry {
        guard size >= UInt64(trailerCount) else { throw .tampered("it is cut short") }
        let trailer = try checked { () throws(SystemError) in
            try HostFile.read(file, at: size - UInt64(trailerCount), count: trailerCount)
        }
        guard trailer.count == trailerCount, trailer.suffix(8).elementsEqual(magic),
            let stated = Hash256(raw: trailer.prefix(32))
        else { throw .tampered("its end is not an entry's") }
        let metadataCount = integer(trailer[32..<40])
        let codeCount = integer(trailer[40..<48])
        guard metadataCount <= metadataLimit, codeCount <= size,
            codeCount + metadataCount + UInt64(trailerCount) == size
        else { throw .tampered("its lengths do not fit its size") }
        let code = try checked { () throws(SystemError) in
            try OwnedFileDescriptor(memoryNamed: "bulkhead-module", sealable: true)
        }
        var metadata: [UInt8] = []
        var failure: SystemError?
        let computed = key.code { running in
            running.update(trailer[32..<48])
            do throws(SystemError) {
                var offset: UInt64 = 0
                while offset < codeCount {
                    let chunk = try HostFile.read(
                        file, at: offset, count: Int(min(UInt64(chunkBytes), codeCount - offset)))
                    if chunk.isEmpty { break }
                    running.update(chunk)
                    try HostFile.write(chunk, to: code)
                    offset += UInt64(chunk.count)
                }
                metadata = try HostFile.read(file, at: codeCount, count: Int(metadataCount))
                running.update(metadata)
            } catch {
                failure = error
            }
        }
        if let failure { throw .system(failure) }
        guard computed.matches(stated) else { throw .tampered("its authentication code does not match its content") }
        guard let decoded = EntryMetadata(decoding: metadata[...]) else {
            throw .stale("its metadata has another format")
        }
        try checked { () throws(SystemError) in try code.seal() }
        return LoadedEntry(code: code, metadata: decoded)
    }

    /// Writes an entry to `output`, which must be empty.
    static func write(
        code: borrowing OwnedFileDescriptor, codeCount: UInt64, metadata: EntryMetadata, key: Authenticator,
        to output: borrowing OwnedFileDescriptor
    ) throws(SystemError) {
        let metadata = metadata.encoded()
        var lengths = WireWriter()
        lengths.write(UInt64(metadata.count))
        lengths.write(codeCount)
        var failure: SystemError?
        let authentication = key.code { running in
            running.update(lengths.bytes)
            do throws(SystemError) {
                var offset: UInt64 = 0
                while offset < codeCount {
                    let chunk = try HostFile.read(
                        code, at: offset, count: Int(min(UInt64(chunkBytes), codeCount - offset)))
                    guard !chunk.isEmpty else { throw SystemError("pread", errno: EIO) }
                    running.update(chunk)
                    try HostFile.write(chunk, to: output)
                    offset += UInt64(chunk.count)
                }
                running.update(metadata)
                try HostFile.write(metadata, to: output)
            } catch {
                failure = error
            }
        }
        if let failure { throw failure }
        try HostFile.write(authentication.array + lengths.bytes + magic, to: output)
    }

    static func integer(_ bytes: ArraySlice<UInt8>) -> UInt64 {
        bytes.reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }

    private static func checked<Value: ~Copyable>(
        _ body: () throws(SystemError) -> Value
    ) throws(Rejection) -> Value {
        do throws(SystemError) {
            return try body()
        } catch {
            throw .system(error)
        }
    }
}

/// Native code that the key vouches for, in a sealed memory file, and what is known of it.
struct LoadedEntry: ~Copyable {
    let code: OwnedFileDescriptor
    let metadata: EntryMetadata
}
