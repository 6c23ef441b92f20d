// Every shipped policy compiles, means what its name says, and is the file in policies/.

import CapabilityModel
import PolicyCompiler
import Testing

/// A loader without files.
let closedLoader = PolicyLoader(
    readText: { .failure(SyntaxFault(message: "there is no file `\($0)`", advice: "")) },
    readSecret: { _ in .success("hunter2") })

func compiled(_ names: String...) throws -> CompiledPolicy {
    try PolicyCompiler.compile(names.map { try closedLoader.load($0, in: "/work") })
}

@Suite struct ShippedPolicyTests {
    @Test(arguments: ShippedPolicies.names)
    func compiles(name: String) throws {
        let policy = try compiled(name)
        // Preview 1 has 46 functions; SDK/abi.md, by its own test, the rest.
        #expect(policy.imports.entries.keys.count { $0.module == ImportTableLowering.preview1 } == 46)
        #expect(policy.digest.utf8.count == 64)
    }

    @Test(arguments: ShippedPolicies.names)
    func isWithinFullWASI(name: String) throws {
        let all = try compiled("full-wasi")
        let policy = try compiled(name)
        #expect(policy.capabilities.isSubset(of: all.capabilities))
        #expect(try compiled("full-wasi", name).capabilities == policy.capabilities)
    }

    @Test func noPolicyIsPureCompute() throws {
        #expect(try PolicyCompiler.compile([]).digest == (try compiled("pure-compute")).digest)
    }

    @Test func subtractivePoliciesTakeAwayOneThing() throws {
        let all = try compiled("full-wasi").capabilities
        var expected = all
        expected.mounts = []
        #expect(try compiled("no-fs").capabilities == expected)
        expected = all
        expected.connect = []
        expected.listen = []
        expected.resolve = []
        #expect(try compiled("no-net").capabilities == expected)
        expected = all
        expected.limits.fds = 16
        #expect(try compiled("limited-fd").capabilities == expected)
    }

    @Test func noNetLeavesAnothersMountsAlone() throws {
        let data = try compiled("read-only-data").capabilities
        #expect(try compiled("no-net", "read-only-data").capabilities == data)
        #expect(try compiled("no-fs", "read-only-data").capabilities.mounts.isEmpty)
    }
}
