// Hits, misses, and everything that must never be loaded.

import CapabilityModel
import Glibc
import LinuxKernel
import ModuleCache
import Testing

@Suite struct CacheTests {
    private static let module = Array("\0asm one".utf8)

    @Test func aMissCompilesAndAHitDoesNot() throws {
        let directory = try CacheDirectory()
        let cache = try directory.cache(compiler: try directory.honestCompiler())
        let first = try cache.module(bytes: Self.module, profile: .dense)
        #expect(first.wasCompiled && first.warning == nil && first.rejected == nil)
        #expect(try content(first.code) == "native:\0asm one")
        let second = try cache.module(bytes: Self.module, profile: .dense)
        #expect(!second.wasCompiled && second.digest == first.digest && second.summary == CacheDirectory.summary)
        #expect(try content(second.code) == "native:\0asm one")
        #expect(directory.runs == 1)
        let other = try cache.module(bytes: Self.module, profile: .heavy)
        #expect(other.wasCompiled && other.digest == first.digest)
        #expect(directory.runs == 2)
        #expect(try cache.module(bytes: Array("\0asm two".utf8), profile: .dense).digest != first.digest)
        #expect(directory.entries.count == 3)
    }

    /// What the cell is given cannot be changed by anyone, also not by a process that the compiler left behind.
    @Test func codeIsSealedAndLoadsByPath() throws {
        let directory = try CacheDirectory()
        let cache = try directory.cache(compiler: try directory.honestCompiler())
        for expected in [true, false] {
            let module = try cache.module(bytes: Self.module, profile: nil)
            #expect(module.wasCompiled == expected)
            #expect(throws: SystemError.self) { try HostFile.write(Array("x".utf8), to: module.code) }
            #expect(throws: SystemError.self) { try HostFile.truncate(module.code, to: 0) }
            let again = try HostFile.open("/proc/self/fd/\(module.code.rawValue)", O_RDONLY)
            #expect(try content(again) == "native:\0asm one")
        }
    }

    @Test func anyByteOfAnEntryThatIsEditedIsFoundAndTheModuleCompiledAnew() throws {
        let directory = try CacheDirectory()
        let cache = try directory.cache(compiler: try directory.honestCompiler())
        _ = try cache.module(bytes: Self.module, profile: .dense)
        let name = try #require(directory.entries.first)
        let original = try directory.read("cache/" + name)
        // Every byte once over: native code, metadata, code, lengths and magic; a compiler's run for each is too slow, so the
        // rejection is seen without one.
        let idle = try directory.cache(compiler: "/nonexistent/compiler")
        for index in original.indices {
            var edited = original
            edited[index] ^= UInt8(1 << (index % 8))
            _ = try directory.write(edited, to: "cache/" + name)
            #expect(throws: ModuleCacheError.self, "byte \(index)") {
                _ = try idle.module(bytes: Self.module, profile: .dense).wasCompiled
            }
            #expect(directory.entries.isEmpty, "byte \(index): a rejected entry is removed")
        }
        for length in stride(from: 0, to: original.count, by: 5) {
            _ = try directory.write(Array(original[..<length]), to: "cache/" + name)
            #expect(throws: ModuleCacheError.self) {
                _ = try idle.module(bytes: Self.module, profile: .dense).wasCompiled
            }
        }
        _ = try directory.write(original + [0], to: "cache/" + name)
        let module = try cache.module(bytes: Self.module, profile: .dense)
        #expect(module.wasCompiled && module.rejected != nil && module.entry + ".bhm" == name)
        #expect(try content(module.code) == "native:\0asm one")
        #expect(try directory.read("cache/" + name) == original)
        #expect(try !cache.module(bytes: Self.module, profile: .dense).wasCompiled)
    }

    @Test func anEntryIsGoodForItsModuleAndProfileOnly() throws {
        let directory = try CacheDirectory()
        let cache = try directory.cache(compiler: try directory.honestCompiler())
        _ = try cache.module(bytes: Self.module, profile: .dense)
        let one = try #require(directory.entries.first)
        let content = try directory.read("cache/" + one)
        _ = try cache.module(bytes: Self.module, profile: .heavy)
        _ = try cache.module(bytes: Array("\0asm two".utf8), profile: .dense)
        for name in directory.entries where name != one { _ = try directory.write(content, to: "cache/" + name) }
        for (bytes, profile) in [(Self.module, ExecutionProfile.heavy), (Array("\0asm two".utf8), .dense)] {
            let module = try cache.module(bytes: bytes, profile: profile)
            #expect(module.wasCompiled && module.rejected != nil)
        }
    }

    @Test func anEntryOfAnotherMachineIsNotLoaded() throws {
        let directory = try CacheDirectory()
        let other = try CacheDirectory()
        for place in [directory, other] {
            _ = try place.cache(compiler: try place.honestCompiler()).module(bytes: Self.module, profile: .dense)
        }
        let name = try #require(directory.entries.first)
        try #require(other.entries == [name])
        _ = try directory.write(try other.read("cache/" + name), to: "cache/" + name)
        let module = try directory.cache(compiler: try directory.honestCompiler())
            .module(bytes: Self.module, profile: .dense)
        #expect(module.wasCompiled && module.rejected != nil)
    }

    @Test func anEntryThatOthersCouldWriteIsNotLoaded() throws {
        let directory = try CacheDirectory()
        let cache = try directory.cache(compiler: try directory.honestCompiler())
        _ = try cache.module(bytes: Self.module, profile: .dense)
        let name = try #require(directory.entries.first)
        let file = try HostFile.open(directory.path + "/cache/" + name, O_RDONLY)
        fchmod(file.rawValue, 0o666)
        #expect(try cache.module(bytes: Self.module, profile: .dense).rejected != nil)
    }

    @Test func theLeastRecentlyUsedEntriesGoFirst() throws {
        let directory = try CacheDirectory()
        let compiler = try directory.honestCompiler()
        let bulk = [UInt8](repeating: 7, count: 10_000)
        let cache = try directory.cache(compiler: compiler, limitBytes: 35_000)
        for index in 0..<3 { _ = try cache.module(bytes: bulk + [UInt8(index)], profile: .dense) }
        #expect(directory.entries.count == 3)
        // The first was used just now, the others are old.
        let first = try cache.module(bytes: bulk + [0], profile: .dense).entry
        for name in directory.entries where name != first + ".bhm" { directory.age("cache/" + name, hours: 2) }
        _ = try cache.module(bytes: bulk + [3], profile: .dense)
        #expect(directory.entries.count == 3)
        #expect(directory.entries.contains(first + ".bhm"))
        let tiny = try directory.cache(compiler: compiler, limitBytes: 100)
        let module = try tiny.module(bytes: bulk + [9], profile: .dense)
        #expect(module.wasCompiled && module.warning != nil)
    }

    @Test func aHitMarksAnEntryAsUsed() throws {
        let directory = try CacheDirectory()
        let cache = try directory.cache(compiler: try directory.honestCompiler())
        _ = try cache.module(bytes: Self.module, profile: .dense)
        let name = try #require(directory.entries.first)
        directory.age("cache/" + name, hours: 5)
        let old = try #require(try ModuleCache.listing(directory: directory.path + "/cache").first)
        _ = try cache.module(bytes: Self.module, profile: .dense)
        let new = try #require(try ModuleCache.listing(directory: directory.path + "/cache").first)
        #expect(new.lastUsed > old.lastUsed && new.moduleDigest != nil && new.recipe?.contains("dense") == true)
        #expect(try ModuleCache.clear(directory: directory.path + "/cache").entries == 1)
        #expect(directory.entries.isEmpty)
    }

    @Test func aDirectoryThatCannotBeUsedCostsACompilationAndAWarning() throws {
        let directory = try CacheDirectory()
        let compiler = try directory.honestCompiler()
        let cache = try ModuleCache(
            directory: compiler + "/none", keyFile: directory.path + "/cache.key", compilerPath: compiler)
        for _ in 0..<2 {
            let module = try cache.module(bytes: Self.module, profile: .dense)
            #expect(module.wasCompiled && module.warning != nil)
            #expect(try content(module.code) == "native:\0asm one")
        }
    }

    @Test func aFullDiskCostsACompilationAndAWarning() async {
        await #expect(processExitsWith: .success) {
            let directory = try CacheDirectory()
            let cache = try directory.cache(compiler: try directory.honestCompiler())
            let bulk = [UInt8](repeating: 7, count: 100_000)
            // Memory files obey the limit too, so it stands where the entry, larger by its metadata, just does not fit.
            let module = try withFileSizeLimit(100_050) { try cache.module(bytes: bulk, profile: .dense) }
            #expect(module.wasCompiled && module.warning != nil)
            #expect(directory.entries.isEmpty)
            #expect(try HostFile.names(in: directory.path + "/cache").allSatisfy { !$0.hasPrefix("new.") })
        }
    }

    @Test func processesThatWantTheSameModuleAtOnceCompileItOnce() async throws {
        let directory = try CacheDirectory()
        let path = directory.path
        let compiler = try directory.compiler(
            "echo x >> \(path)/runs\nsleep 0.3\nprintf native: >&3\ncat >&3\ncat $result >&4")
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<4 {
                group.addTask {
                    await #expect(processExitsWith: .success) {
                        [path = path as String, compiler = compiler as String] in
                        let cache = try ModuleCache(
                            directory: path + "/cache", keyFile: path + "/cache.key", compilerPath: compiler)
                        for index in 0..<20 {
                            let module = try cache.module(bytes: Array("\0asm shared".utf8), profile: .dense)
                            #expect(try content(module.code) == "native:\0asm shared")
                            #expect(module.rejected == nil && (index == 0 || !module.wasCompiled))
                        }
                    }
                }
            }
        }
        #expect(directory.runs == 1)
    }
}
