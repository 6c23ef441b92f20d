// Native code that a user brings along runs only where this machine made it.

import CapabilityModel
import LinuxKernel
import ModuleCache
import Testing

@Suite struct PrecompiledTests {
    @Test func whatThisMachineCompiledIsTaken() throws {
        let directory = try CacheDirectory()
        let cache = try directory.cache(compiler: try directory.honestCompiler())
        let source = try directory.write(Array("\0asm pre".utf8), to: "m.wasm")
        let made = try cache.precompile(path: source, profile: .dense, to: directory.path + "/m.bhm")
        #expect(made.summary == CacheDirectory.summary)
        let module = try cache.module(path: directory.path + "/m.bhm", profile: nil)
        #expect(!module.wasCompiled && module.digest == made.digest && module.summary == made.summary)
        #expect(try content(module.code) == "native:\0asm pre")
        #expect(throws: ModuleCacheError.self) {
            _ = try cache.module(path: directory.path + "/m.bhm", profile: .heavy).wasCompiled
        }
    }

    @Test func anyEditedByteIsRefused() throws {
        let directory = try CacheDirectory()
        let cache = try directory.cache(compiler: try directory.honestCompiler())
        let source = try directory.write(Array("\0asm pre".utf8), to: "m.wasm")
        _ = try cache.precompile(path: source, profile: .dense, to: directory.path + "/m.bhm")
        let original = try directory.read("m.bhm")
        // The last eight bytes say that it is a pre-compiled module at all.
        for index in original.indices.dropLast(8) {
            var edited = original
            edited[index] ^= 0x10
            let path = try directory.write(edited, to: "edited.bhm")
            #expect(throws: ModuleCacheError.self, "byte \(index)") {
                _ = try cache.module(path: path, profile: nil).wasCompiled
            }
        }
    }

    @Test func anotherMachinesCodeABareEntryAndForeignCodeAreRefused() throws {
        let directory = try CacheDirectory()
        let other = try CacheDirectory()
        let cache = try directory.cache(compiler: try directory.honestCompiler())
        let source = try directory.write(Array("\0asm pre".utf8), to: "m.wasm")
        let foreign = directory.path + "/foreign.bhm"
        _ = try other.cache(compiler: try other.honestCompiler()).precompile(path: source, profile: .dense, to: foreign)
        _ = try cache.module(path: source, profile: .dense).wasCompiled
        let entry = directory.path + "/cache/" + (try #require(directory.entries.first))
        let elf = try directory.write([0x7f] + Array("ELF native".utf8), to: "m.cwasm")
        for path in [foreign, entry, elf] {
            let error = #expect(throws: ModuleCacheError.self) {
                _ = try cache.module(path: path, profile: nil).wasCompiled
            }
            guard case .untrusted? = error else {
                Issue.record("\(path): \(String(describing: error))")
                continue
            }
        }
        #expect(directory.runs == 1)
    }

    @Test func unreadableAndHugeModulesAreNamed() throws {
        let directory = try CacheDirectory()
        var settings = ModuleCacheSettings()
        settings.moduleBytes = 10
        let cache = try directory.cache(compiler: try directory.honestCompiler(), settings: settings)
        let path = try directory.write([UInt8](repeating: 0, count: 11), to: "big.wasm")
        #expect(throws: ModuleCacheError.tooLarge(path: path, limit: 10)) {
            _ = try cache.module(path: path, profile: nil).wasCompiled
        }
        #expect(throws: ModuleCacheError.self) { _ = try cache.module(path: directory.path, profile: nil).wasCompiled }
        #expect(throws: ModuleCacheError.self) { _ = try cache.module(path: "/none/x.wasm", profile: nil).wasCompiled }
    }
}
