// Exit signals that become messages without a link or a monitor that made room for them.

import CapabilityModel
import ProcessRuntime
import Testing

@Suite struct ExitFloodTests {
    /// Whoever traps exits is sent reasons without end and takes none: its mailbox holds what it may, the rest is lost, messages
    /// find it full, and a kill comes through. What was taken makes room again.
    @Test(arguments: Machine.all) func exitsToOneThatTrapsCostItsMailbox(_ machine: Machine) throws {
        var limits = Limits.roomy
        limits.mailboxBytes = 64 << 10
        let cost = Message.cost(bytes: ExitReason.bytesLimit, attachments: 0)
        var sent = 0
        var taken = 0
        var used: UInt64 = 0
        var result = SendResult.sent
        var tagged = 0
        let (reason, account) = try machine.run(limits: limits, trapsExits: true) { process in
            while sent < 10_000 {
                sent += 1
                process.exit(process.id, .bytes([UInt8](repeating: 1, count: ExitReason.bytesLimit)))
            }
            used = process.account.used(.mailboxBytes)
            result = process.send(ofBytes: ExitReason.bytesLimit, to: process.id)
            while let notice = process.takeNotice() {
                if case .exit(.bytes(let bytes)) = notice.kind, bytes.count == ExitReason.bytesLimit { taken += 1 }
            }
            process.exit(process.id, .shutdown)
            if let notice = process.takeNotice(), notice.kind == .exit(.shutdown) { tagged += 1 }
            process.exit(process.id, .kill)
            return .awaitingMessage
        }
        #expect(reason == .killed)
        #expect(taken > 0 && taken <= (64 << 10) / cost, "\(taken) of \(sent) were kept")
        #expect(used <= 64 << 10)
        #expect(result == .full)
        #expect(tagged == 1)
        #expect(account.used(.mailboxBytes) == 0)
    }
}
