// What a hosted cell is told to start, and what it says of its children: several programs' worth of processes, each of them
// supervised from outside the cell.

package import CapabilityModel

/// One incarnation of a supervised child.
package struct ChildOrder: Hashable, Sendable {
    /// The supervisor's name of this incarnation: from 1 up, larger than all before it in the same cell.
    package var number: UInt64
    /// For logs.
    package var label: String
    /// One of the plan's modules.
    package var module: String
    /// What the guest's args_get hands out, the program's name first; cut to that where the policy gives no arguments.
    package var arguments: [[UInt8]]
    /// `NAME=value` each.
    package var environment: [[UInt8]]
    /// The start is over when the guest says so (`start_ack` of SDK/abi.md), not when it runs.
    package var acknowledges: Bool
    /// A name for the process, given before it runs.
    package var registeredName: String?
    /// How many listening sockets come with the message; the guest sees them as preopened after the mounts.
    package var listeners: UInt32
    /// Limits below the policy's, for this child and its descendants.
    package var limits: [Narrowing]

    package struct Narrowing: Hashable, Sendable {
        package var limit: LimitKind
        /// In the units of `Limits`.
        package var value: UInt64

        package init(_ limit: LimitKind, _ value: UInt64) {
            self.limit = limit
            self.value = value
        }
    }

    package init(
        number: UInt64, label: String, module: String, arguments: [[UInt8]] = [], environment: [[UInt8]] = [],
        acknowledges: Bool = false, registeredName: String? = nil, listeners: UInt32 = 0, limits: [Narrowing] = []
    ) {
        self.number = number
        self.label = label
        self.module = module
        self.arguments = arguments
        self.environment = environment
        self.acknowledges = acknowledges
        self.registeredName = registeredName
        self.listeners = listeners
        self.limits = limits
    }

    /// Of labels, modules' and registered names, in bytes.
    package static let nameLimit = 255
    /// Of arguments, and of variables.
    package static let listLimit = 1024
    /// Of all arguments and variables together, so that an order fits a message.
    package static let bytesLimit = 48 << 10
    package static let listenerLimit = 16

    /// What is wrong with it, whoever made it; nil for an order that both sides take.
    package var fault: String? {
        let names = [("label", label), ("module", module)] + (registeredName.map { [("registered name", $0)] } ?? [])
        for (what, name) in names where name.isEmpty || name.utf8.count > ChildOrder.nameLimit || name.utf8.contains(0)
        {
            return "the \(what) is not 1 to \(ChildOrder.nameLimit) bytes without NUL"
        }
        guard number > 0 else { return "the number is 0" }
        guard listeners <= ChildOrder.listenerLimit else { return "more than \(ChildOrder.listenerLimit) listeners" }
        guard limits.count <= LimitKind.allCases.count else { return "too many limits" }
        // One size of stack for the whole engine.
        guard !limits.contains(where: { $0.limit == .stack }) else { return "the stack's size is the whole cell's" }
        var bytes = 0
        for (what, list) in [("arguments", arguments), ("variables", environment)] {
            guard list.count <= ChildOrder.listLimit else { return "more than \(ChildOrder.listLimit) \(what)" }
            for text in list {
                bytes += text.count
                guard bytes <= ChildOrder.bytesLimit else {
                    return "arguments and variables are more than \(ChildOrder.bytesLimit) bytes"
                }
                guard !text.contains(0) else { return "a NUL in the \(what)" }
            }
        }
        return nil
    }
}

/// What a cell says of one child when asked. A claim.
package struct ProcessReport: Hashable, Sendable {
    package var process: UInt64
    /// Of the child and its descendants together, as its policy and its order have them.
    package var limits: Limits
    /// What is used of them now; kinds of which nothing is counted are absent.
    package var used: [ChildOrder.Narrowing]
    /// Messages in the child's mailbox.
    package var mailbox: UInt64
    /// Processes that the child or its descendants spawned and that live.
    package var descendants: UInt32
    /// The child's registered names, at most `namesLimit`.
    package var names: [String]

    package init(
        process: UInt64, limits: Limits, used: [ChildOrder.Narrowing], mailbox: UInt64, descendants: UInt32,
        names: [String]
    ) {
        self.process = process
        self.limits = limits
        self.used = used
        self.mailbox = mailbox
        self.descendants = descendants
        self.names = names
    }

    package static let namesLimit = 64
}

/// Bounds of what goes between a hosted cell and its supervisor.
package enum Hosting {
    /// A health probe's payload, in bytes.
    package static let probeLimit = 4096
    /// What a child says with its acknowledgement, in bytes.
    package static let acknowledgementLimit = ExitReason.bytesLimit
    /// Probes of one child without an answer; the cell passes over those beyond.
    package static let probesUnderWay = 16
}

extension ChildOrder: WireCodable {
    package func encode(into writer: inout WireWriter) {
        writer.write(number)
        writer.write(label)
        writer.write(module)
        writer.write(list: arguments) { $0.write($1) }
        writer.write(list: environment) { $0.write($1) }
        writer.write(acknowledges)
        writer.write(optional: registeredName) { $0.write($1) }
        writer.write(listeners)
        writer.write(list: limits) { $0.write($1) }
    }

    package init(from reader: inout WireReader) throws(WireError) {
        self.init(
            number: try reader.read(), label: try reader.readString(), module: try reader.readString(),
            arguments: try reader.readList { reader throws(WireError) in try reader.readBytes() },
            environment: try reader.readList { reader throws(WireError) in try reader.readBytes() },
            acknowledges: try reader.readBool(),
            registeredName: try reader.readOptional { reader throws(WireError) in try reader.readString() },
            listeners: try reader.read(),
            limits: try reader.readList { reader throws(WireError) in try reader.readValue() })
        guard fault == nil else { throw .invalid("order") }
    }
}

extension ChildOrder.Narrowing: WireCodable {
    package func encode(into writer: inout WireWriter) {
        writer.write(limit.rawValue)
        writer.write(value)
    }

    package init(from reader: inout WireReader) throws(WireError) {
        guard let limit = LimitKind(rawValue: try reader.readString()) else { throw .invalid("limit") }
        self.init(limit, try reader.read())
    }
}

extension ProcessReport: WireCodable {
    package func encode(into writer: inout WireWriter) {
        writer.write(process)
        writer.write(limits)
        writer.write(list: used) { $0.write($1) }
        writer.write(mailbox)
        writer.write(descendants)
        writer.write(list: names) { $0.write($1) }
    }

    package init(from reader: inout WireReader) throws(WireError) {
        self.init(
            process: try reader.read(), limits: try reader.readValue(),
            used: try reader.readList { reader throws(WireError) in try reader.readValue() },
            mailbox: try reader.read(), descendants: try reader.read(),
            names: try reader.readList { reader throws(WireError) in try reader.readString() })
        guard used.count <= LimitKind.allCases.count, names.count <= ProcessReport.namesLimit,
            names.allSatisfy({ $0.utf8.count <= 3 * ChildOrder.nameLimit })
        else { throw .tooLong }
    }
}
