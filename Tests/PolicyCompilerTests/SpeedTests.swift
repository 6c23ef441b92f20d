// How long a small policy takes; printed, not judged, since machines differ.

import CapabilityModel
import PolicyCompiler
import Testing

@Suite struct SpeedTests {
    @Test(arguments: ["pure-compute", "http-client", "no-net"])
    func compileTime(name: String) throws {
        let clock = ContinuousClock()
        var times: [Duration] = []
        for _ in 0..<20 {
            times.append(
                try clock.measure {
                    let policy = try PolicyCompiler.compile([closedLoader.load(name, in: "/work")])
                    #expect(!policy.digest.isEmpty)
                })
        }
        let sorted = times.sorted()
        print("compile \(name): first \(times[0]), median \(sorted[10])")
    }
}
