// A large module that did not change is not read again, and one that did change is.

import CapabilityModel
import LinuxKernel
import ModuleCache
import Testing

@Suite struct IndexTests {
    private func indexing(_ directory: CacheDirectory, age: Int64 = 0) throws -> ModuleCache {
        var settings = ModuleCacheSettings()
        settings.indexedBytes = 0
        settings.indexedAge = age
        return try directory.cache(compiler: try directory.honestCompiler(), settings: settings)
    }

    @Test func anUnchangedFileIsHashedOnce() throws {
        let directory = try CacheDirectory()
        let path = try directory.write(Array("\0asm one".utf8), to: "m.wasm")
        let cache = try indexing(directory)
        let first = try cache.module(path: path, profile: .dense)
        #expect(cache.hashedBytes == 8)
        let second = try cache.module(path: path, profile: .dense)
        #expect(cache.hashedBytes == 8 && !second.wasCompiled && second.digest == first.digest)
        _ = try directory.write(Array("\0asm two".utf8), to: "m.wasm")
        let third = try cache.module(path: path, profile: .dense)
        #expect(third.wasCompiled && third.digest != first.digest)
        #expect(try content(third.code) == "native:\0asm two")
    }

    @Test func aFileThatHasJustChangedIsReadAgain() throws {
        let directory = try CacheDirectory()
        let path = try directory.write(Array("\0asm one".utf8), to: "m.wasm")
        let cache = try indexing(directory, age: 3_600_000_000_000)
        for round in 1...3 {
            _ = try cache.module(path: path, profile: .dense).wasCompiled
            #expect(cache.hashedBytes == UInt64(8 * round))
        }
    }

    @Test func anEditedRecordIsNotBelieved() throws {
        let directory = try CacheDirectory()
        let path = try directory.write(Array("\0asm one".utf8), to: "m.wasm")
        let cache = try indexing(directory)
        let digest = try cache.module(path: path, profile: .dense).digest
        let names = try HostFile.names(in: directory.path + "/cache").filter { $0.hasPrefix("seen.") }
        let name = try #require(names.first)
        let original = try directory.read("cache/" + name)
        for index in original.indices {
            var edited = original
            edited[index] ^= 4
            _ = try directory.write(edited, to: "cache/" + name)
            let before = cache.hashedBytes
            #expect(try cache.module(path: path, profile: .dense).digest == digest)
            #expect(cache.hashedBytes == before + 8, "byte \(index)")
        }
    }

    @Test func aTamperedEntryIsFoundByThisWayToo() throws {
        let directory = try CacheDirectory()
        let path = try directory.write(Array("\0asm one".utf8), to: "m.wasm")
        let cache = try indexing(directory)
        _ = try cache.module(path: path, profile: .dense).wasCompiled
        let name = try #require(directory.entries.first)
        var edited = try directory.read("cache/" + name)
        edited[0] ^= 1
        _ = try directory.write(edited, to: "cache/" + name)
        let module = try cache.module(path: path, profile: .dense)
        #expect(module.wasCompiled && module.rejected != nil)
        #expect(try content(module.code) == "native:\0asm one")
    }
}
