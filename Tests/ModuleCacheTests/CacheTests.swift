// Hits, misses, and everything that must never be loaded.

import CapabilityModel
import LinuxKernel
import ModuleCache
import Testing

@Suite struct CacheTests {
    @Test func aMissCompilesAndAHitDoesNot() throws {
        let directory = try CacheDirectory()
        let cache = try directory.cache(compiler: try directory.honestCompiler())
        let first = try cache.module(bytes: Array("\0asm one".utf8), profile: .dense)
        #expect(first.wasCompiled && first.warning == nil && first.rejected == nil)
        #expect(try content(first.code) == "native:\0asm one")
        let second = try cache.module(bytes: Array("\0asm one".utf8), profile: .dense)
        #expect(!second.wasCompiled && second.digest == first.digest && second.summary == CacheDirectory.summary)
        #expect(try content(second.code) == "native:\0asm one")
        #expect(directory.runs == 1)
        let other = try cache.module(bytes: Array("\0asm one".utf8), profile: .heavy)
        #expect(other.wasCompiled && other.digest == first.digest)
        #expect(directory.runs == 2)
    }
}
