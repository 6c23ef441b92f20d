// What `bulkhead cache` shows, without a compiler.

internal import Glibc
package import LinuxKernel
internal import MachineKey

package struct CacheListing: Hashable, Sendable {
    package var name: String
    /// Native code and metadata.
    package var bytes: UInt64
    /// Nanoseconds since 1970, to the hour.
    package var lastUsed: Int64
    /// nil when the entry's end is no entry's; its authenticity is not checked here.
    package var moduleDigest: String?
    /// Engine, architecture, format and profile.
    package var recipe: String?
}

extension ModuleCache {
    /// The entries, least recently used first; none where there is no cache yet.
    package static func listing(directory: String) throws(SystemError) -> [CacheListing] {
        guard try HostFile.status(path: directory) != nil else { return [] }
        return try CacheStore.entries(directory: directory).map { entry in
            let metadata = try? EntryFile.metadata(path: "\(directory)/\(entry.name).bhm")
            return CacheListing(
                name: entry.name, bytes: entry.status.size, lastUsed: entry.status.modified,
                moduleDigest: metadata?.moduleDigest.description, recipe: metadata?.recipe)
        }
    }

    /// The SHA-256, hexadecimal, of the module that a file of `bulkhead compile` says it was made of; nil where it is no such
    /// file. Its authenticity is not checked here.
    package static func precompiledDigest(_ file: borrowing OwnedFileDescriptor) throws(SystemError) -> String? {
        try EntryFile.metadata(of: file)?.moduleDigest.description
    }

    /// Removes every entry; runs that are under way keep the code that they have.
    package static func clear(directory: String) throws(SystemError) -> (entries: Int, bytes: UInt64) {
        guard try HostFile.status(path: directory) != nil else { return (0, 0) }
        return try CacheStore.clear(directory: directory)
    }
}

extension EntryFile {
    /// What an entry says of itself, without checking it; nil for a file that has no entry's form.
    fileprivate static func metadata(path: String) throws(SystemError) -> EntryMetadata? {
        try metadata(of: try HostFile.open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK))
    }

    fileprivate static func metadata(of file: borrowing OwnedFileDescriptor) throws(SystemError) -> EntryMetadata? {
        let size = try HostFile.status(file).size
        guard size >= UInt64(trailerCount) else { return nil }
        let trailer = try HostFile.read(file, at: size - UInt64(trailerCount), count: trailerCount)
        guard trailer.suffix(8).elementsEqual(magic) else { return nil }
        let count = integer(trailer[32..<40])
        guard count <= metadataLimit, count + UInt64(trailerCount) <= size else { return nil }
        let bytes = try HostFile.read(file, at: size - UInt64(trailerCount) - count, count: Int(count))
        return EntryMetadata(decoding: bytes[...])
    }
}
