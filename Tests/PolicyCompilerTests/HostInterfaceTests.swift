// The import table of module `bulkhead` against SDK/abi.md, and which grant opens which of its functions.

import CapabilityModel
import PolicyCompiler
import Testing

@Suite struct HostInterfaceTests {
    @Test func theTableHasEveryFunctionOfTheInterface() throws {
        let text = try GoldenFile(path: "SDK/abi.md").read()
        var specified: Set<String> = []
        for line in text.split(separator: "\n") {
            // | `send` | `(process: i32, …) -> i32` | no |
            let parts = line.split(separator: "`", omittingEmptySubsequences: false)
            guard parts.count >= 4, parts[0] == "| " else { continue }
            // `receive_wait` is written as `receive` with one more.
            guard parts[3].hasPrefix("(") && parts[3].contains("->") || parts[2] == " | as " else { continue }
            specified.insert(String(parts[1]))
        }
        #expect(specified.count > 30)
        let table = ImportTableLowering.table(for: CapabilitySet()).entries.keys
        #expect(Set(table.lazy.filter { $0.module == ImportTableLowering.bulkhead }.map(\.name)) == specified)
    }

    private func granted(by change: (inout CapabilitySet) -> Void) -> Set<String> {
        var set = CapabilitySet()
        change(&set)
        let entries = ImportTableLowering.table(for: set).entries
        let none = ImportTableLowering.table(for: CapabilitySet()).entries
        return Set(
            entries.lazy.filter { $0.key.module == "bulkhead" && $0.value == .granted && none[$0.key] != .granted }
                .map(\.key.name))
    }

    private func rule(_ transport: Transport) -> [NetworkGrant] {
        [NetworkGrant(transport: transport, host: transport == .unix ? .path("/run/*") : .anyPublic, ports: 0...0)]
    }

    @Test func eachGrantOpensItsFunctions() {
        let always = ["send", "send_wait", "receive", "sleep", "link", "exit_process", "handle_close", "abi_version"]
        let none = ImportTableLowering.table(for: CapabilitySet())
        for name in always { #expect(none[ImportName("bulkhead", name)] == .granted) }

        #expect(granted { $0.limits.processes = 1 } == ["spawn"])
        #expect(granted { $0.process.register = ["a"] } == ["register", "unregister"])
        #expect(granted { $0.process.lookup = ["*"] } == ["whereis"])
        #expect(granted { $0.resolve = [.anyPublic] } == ["resolve"])
        let any: Set<String> = ["udp_receive", "socket_address"]
        #expect(granted { $0.connect = rule(.tcp) } == any.union(["tcp_connect"]))
        #expect(granted { $0.connect = rule(.udp) } == any.union(["udp_connect", "udp_send"]))
        #expect(granted { $0.connect = rule(.unix) } == any.union(["unix_connect"]))
        #expect(granted { $0.listen = rule(.tcp) } == any.union(["tcp_listen"]))
        #expect(granted { $0.listen = rule(.udp) } == any.union(["udp_bind"]))
        #expect(granted { $0.listen = rule(.unix) } == any.union(["unix_listen"]))
    }

    @Test(arguments: [
        ("spawn", "process.spawn"), ("register", "process.register"), ("unregister", "process.register"),
        ("whereis", "process.lookup"), ("tcp_connect", "net.connect"), ("udp_send", "net.connect"),
        ("unix_connect", "net.connect"), ("tcp_listen", "net.listen"), ("udp_bind", "net.listen"),
        ("unix_listen", "net.listen"), ("udp_receive", "net"), ("resolve", "net.resolve"),
    ]) func aDenialNamesTheKeyThatDecides(_ name: String, _ key: String) {
        let table = ImportTableLowering.table(for: CapabilitySet())
        #expect(table[ImportName("bulkhead", name)] == .denied(PolicyKey(key)))
    }
}
