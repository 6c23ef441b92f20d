// A compiler that is hostile, broken or slow costs an error, and nothing is cached.

import CapabilityModel
import CellProtocol
import Glibc
import LinuxKernel
import ModuleCache
import Testing

@Suite struct CompilerTests {
    private func failure(
        _ script: String, _ change: (inout ModuleCacheSettings) -> Void = { _ in }
    ) throws -> ModuleCacheError? {
        let directory = try CacheDirectory()
        var settings = ModuleCacheSettings()
        change(&settings)
        let cache = try directory.cache(compiler: try directory.compiler(script), settings: settings)
        defer { #expect(directory.entries.isEmpty) }
        do throws(ModuleCacheError) {
            _ = try cache.module(bytes: Array("\0asm".utf8), profile: nil).wasCompiled
            return nil
        } catch {
            return error
        }
    }

    @Test func aCrashSaysTheSignal() throws {
        #expect(try failure("kill -SEGV $$") == .compilerEnded(signal: SIGSEGV, hint: ""))
    }

    @Test func aBombIsKilledWhenItsTimeIsUp() throws {
        let error = try failure("exec sleep 1000") { $0.compile.wall = 300_000_000 }
        #expect(error == .compilerExceeded(what: "time", limit: "0 s"))
    }

    @Test func aBusyBombMeetsItsCPULimit() throws {
        let error = try failure("while :; do :; done") { $0.compile.cpuSeconds = 1 }
        #expect(error == .compilerExceeded(what: "CPU time", limit: "1 s"))
    }

    @Test func tooMuchNativeCodeIsRefused() throws {
        let error = try failure("exec head -c 100000000 /dev/zero >&3") { $0.compile.output = 1 << 20 }
        #expect(error == .compilerExceeded(what: "output", limit: "1 MiB"))
    }

    @Test func tooLongAResultIsRefused() throws {
        let error = try failure("exec head -c 100000000 /dev/zero >&4") { $0.compile.result = 1 << 20 }
        #expect(error == .compilerExceeded(what: "result's size", limit: "1 MiB"))
    }

    @Test(arguments: ["exit 3", "exit 0", "printf nonsense >&4", "cat $result $result >&4", "head -c 10 $result >&4"])
    func anythingButOneWholeResultIsAnError(_ script: String) throws {
        guard case .compilerMisbehaved? = try failure(script) else {
            Issue.record("\(script) passed or failed otherwise")
            return
        }
    }

    @Test func anInvalidModuleIsReportedInTheCompilersWords() throws {
        let directory = try CacheDirectory()
        _ = try directory.write(CompileResult.failure("bad magic").encoded(), to: "verdict")
        let cache = try directory.cache(compiler: try directory.compiler("cat \(directory.path)/verdict >&4"))
        #expect(throws: ModuleCacheError.invalidModule("bad magic")) {
            _ = try cache.module(bytes: [1], profile: nil).wasCompiled
        }
        #expect(directory.entries.isEmpty)
    }

    @Test func aMissingCompilerIsNamed() throws {
        let directory = try CacheDirectory()
        let cache = try directory.cache(compiler: "/nonexistent/bulkhead-compiler")
        #expect(
            throws: ModuleCacheError.compilerMissing(
                path: "/nonexistent/bulkhead-compiler", SystemError("execve", errno: ENOENT))
        ) { _ = try cache.module(bytes: [1], profile: nil).wasCompiled }
    }

    @Test func aLongCompilationReportsItsProgress() throws {
        let directory = try CacheDirectory()
        var settings = ModuleCacheSettings()
        var reports: [Double] = []
        settings.progress = { reports.append($0) }
        let cache = try directory.cache(
            compiler: try directory.compiler("sleep 0.9\nprintf native: >&3\ncat $result >&4"), settings: settings)
        _ = try cache.module(bytes: [1], profile: nil).wasCompiled
        #expect(!reports.isEmpty && reports.allSatisfy { $0 >= 0.5 } && reports == reports.sorted())
        reports = []
        _ = try cache.module(bytes: [1], profile: nil).wasCompiled
        #expect(reports.isEmpty)
    }

    @Test func itGetsTheModuleTheProfileAndNothingElse() throws {
        let directory = try CacheDirectory()
        let script =
            "{ echo \"$@\"; env; ls -l /proc/self/fd | wc -l; } > \(directory.path)/seen\ncat >&3\ncat $result >&4"
        let cache = try directory.cache(compiler: try directory.compiler(script))
        let module = try cache.module(bytes: Array("\0asm body".utf8), profile: .heavy)
        #expect(try content(module.code) == "\0asm body")
        let seen = String(decoding: try directory.read("seen"), as: UTF8.self)
        #expect(seen.hasPrefix("--profile heavy\n"))
        #expect(!seen.contains("HOME="))
    }
}
