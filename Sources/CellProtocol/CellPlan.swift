// Everything a cell is told before it runs a guest. It travels in a memfd; its descriptors follow in the order below.

package import CapabilityModel

package struct CellPlan: Hashable, Sendable {
    /// What to call once the module is instantiated.
    package enum Entry: Hashable, Sendable {
        /// `_start`, or for a reactor `_initialize` alone.
        case start
        /// A reactor's export, after `_initialize`; arguments are parsed by the export's parameter types.
        case invoke(name: String, arguments: [String])
    }

    /// What a guest finds at descriptors 0, 1 and 2.
    package enum Stream: UInt8, Hashable, Sendable {
        case closed = 0
        case plain = 1
        /// The supervisor relays it from or to a terminal, so isatty(3) is to say yes.
        case terminal = 2
    }

    package var arguments: [[UInt8]]
    /// `NAME=value` each.
    package var environment: [[UInt8]]
    package var entry: Entry
    package var profile: ExecutionProfile
    package var onDenied: DenialMode
    package var imports: ImportTable
    package var limits: Limits
    package var clocks: ClockGrant
    package var random: Bool
    /// Three; each that is not closed has a descriptor.
    package var streams: [Stream]
    /// One O_PATH directory descriptor each.
    package var mounts: [MountGrant]
    /// What the cell lowers its own resource limits to.
    package var resourceLimits: [ResourceLimitRule]
    /// What of the file system the cell may reach, by host path; nil where the kernel has no Landlock.
    package var landlock: [LandlockRule]?
    /// The system call filter to run the guest under: BPF instructions for this cell. There is no plan without one.
    package var syscallFilter: [UInt8]
    /// How many listening sockets follow; the guest sees them as preopened after the mounts.
    package var listeners: UInt32

    package init(
        arguments: [[UInt8]], environment: [[UInt8]], entry: Entry, profile: ExecutionProfile, onDenied: DenialMode,
        imports: ImportTable, limits: Limits, clocks: ClockGrant, random: Bool, streams: [Stream], mounts: [MountGrant],
        resourceLimits: [ResourceLimitRule], landlock: [LandlockRule]?, syscallFilter: [UInt8], listeners: UInt32
    ) {
        self.arguments = arguments
        self.environment = environment
        self.entry = entry
        self.profile = profile
        self.onDenied = onDenied
        self.imports = imports
        self.limits = limits
        self.clocks = clocks
        self.random = random
        self.streams = streams
        self.mounts = mounts
        self.resourceLimits = resourceLimits
        self.landlock = landlock
        self.syscallFilter = syscallFilter
        self.listeners = listeners
    }

    /// Descriptors that come with the plan after the plan's own: the module's native code, the standard streams
    /// that exist in order, the mounts, the listeners.
    package var descriptorCount: Int {
        1 + streams.count(where: { $0 != .closed }) + mounts.count + Int(listeners)
    }
}

extension CellPlan: WireCodable {
    /// Grows with each change of the encoding: a cell and a supervisor of different builds refuse each other.
    private static let version: UInt16 = 1

    package func encode(into writer: inout WireWriter) {
        writer.write(CellPlan.version)
        writer.write(list: arguments) { $0.write($1) }
        writer.write(list: environment) { $0.write($1) }
        switch entry {
        case .start:
            writer.write(UInt8(0))
        case .invoke(let name, let arguments):
            writer.write(UInt8(1))
            writer.write(name)
            writer.write(list: arguments) { $0.write($1) }
        }
        writer.write(profile)
        writer.write(onDenied.rawValue)
        writer.write(imports)
        writer.write(limits)
        writer.write(clocks)
        writer.write(random)
        writer.write(list: streams) { $0.write($1.rawValue) }
        writer.write(list: mounts) { $0.write($1) }
        writer.write(list: resourceLimits) { writer, rule in
            writer.write(rule.name)
            writer.write(rule.value)
            writer.write(rule.reason)
        }
        writer.write(optional: landlock) { writer, rules in
            writer.write(list: rules) { writer, rule in
                writer.write(rule.hostPath)
                writer.write(list: rule.access) { $0.write($1) }
            }
        }
        writer.write(syscallFilter)
        writer.write(listeners)
    }

    package init(from reader: inout WireReader) throws(WireError) {
        guard try reader.read(UInt16.self) == CellPlan.version else { throw .invalid("version of the cell plan") }
        let arguments = try reader.readList { reader throws(WireError) in try reader.readBytes() }
        let environment = try reader.readList { reader throws(WireError) in try reader.readBytes() }
        let entry: Entry
        switch try reader.read(UInt8.self) {
        case 0: entry = .start
        case 1:
            let name = try reader.readString()
            entry = .invoke(
                name: name, arguments: try reader.readList { reader throws(WireError) in try reader.readString() })
        default: throw .invalid("entry")
        }
        let profile: ExecutionProfile = try reader.readValue()
        guard let onDenied = DenialMode(rawValue: try reader.read()) else { throw .invalid("denial mode") }
        let imports: ImportTable = try reader.readValue()
        let limits: Limits = try reader.readValue()
        let clocks: ClockGrant = try reader.readValue()
        let random = try reader.readBool()
        let streams = try reader.readList { reader throws(WireError) in
            guard let stream = Stream(rawValue: try reader.read()) else { throw .invalid("standard stream") }
            return stream
        }
        guard streams.count == 3 else { throw .invalid("standard streams") }
        let mounts: [MountGrant] = try reader.readList { reader throws(WireError) in try reader.readValue() }
        let resourceLimits = try reader.readList { reader throws(WireError) in
            let name = try reader.readString()
            let value = try reader.read(UInt64.self)
            return ResourceLimitRule(name: name, value: value, reason: try reader.readString())
        }
        let landlock = try reader.readOptional { reader throws(WireError) in
            try reader.readList { reader throws(WireError) in
                let path = try reader.readString()
                return LandlockRule(
                    hostPath: path,
                    access: try reader.readList { reader throws(WireError) in try reader.readString() })
            }
        }
        self.init(
            arguments: arguments, environment: environment, entry: entry, profile: profile, onDenied: onDenied,
            imports: imports, limits: limits, clocks: clocks, random: random, streams: streams, mounts: mounts,
            resourceLimits: resourceLimits, landlock: landlock, syscallFilter: try reader.readBytes(),
            listeners: try reader.read())
    }
}

extension ImportTable: WireCodable {
    package func encode(into writer: inout WireWriter) {
        writer.write(list: entries.sorted { $0.key < $1.key }) { writer, entry in
            writer.write(entry.key)
            switch entry.value {
            case .granted: writer.write(optional: String?.none) { $0.write($1) }
            case .denied(let key): writer.write(optional: key.path) { $0.write($1) }
            }
        }
    }

    package init(from reader: inout WireReader) throws(WireError) {
        let list = try reader.readList { reader throws(WireError) in
            let name: ImportName = try reader.readValue()
            let key = try reader.readOptional { reader throws(WireError) in try reader.readString() }
            return (name, key.map { Disposition.denied(PolicyKey($0)) } ?? .granted)
        }
        var entries: [ImportName: Disposition] = [:]
        for (name, disposition) in list {
            guard entries.updateValue(disposition, forKey: name) == nil else { throw .invalid("import twice") }
        }
        self.init(entries: entries)
    }
}

extension Limits: WireCodable {
    package func encode(into writer: inout WireWriter) {
        writer.write(memory)
        writer.write(tableElements)
        writer.write(optional: cpu) { $0.write($1) }
        // No cpuShare: the supervisor alone holds the cell to it.
        writer.write(optional: wall) { $0.write($1) }
        writer.write(fds)
        writer.write(output)
        writer.write(stack)
        writer.write(mailboxMessages)
        writer.write(mailboxBytes)
        writer.write(processes)
    }

    package init(from reader: inout WireReader) throws(WireError) {
        let memory = try reader.read(UInt64.self)
        let tableElements = try reader.read(UInt64.self)
        let cpu = try reader.readOptional { reader throws(WireError) in try reader.read(UInt64.self) }
        let wall = try reader.readOptional { reader throws(WireError) in try reader.read(UInt64.self) }
        self.init(
            memory: memory, tableElements: tableElements, cpu: cpu, wall: wall, fds: try reader.read(),
            output: try reader.read(), stack: try reader.read(), mailboxMessages: try reader.read(),
            mailboxBytes: try reader.read(), processes: try reader.read())
    }
}

extension ClockGrant: WireCodable {
    package func encode(into writer: inout WireWriter) {
        writer.write(optional: realtime) { $0.write($1) }
        writer.write(optional: monotonic) { $0.write($1) }
        writer.write(optional: cpuTime) { $0.write($1) }
    }

    package init(from reader: inout WireReader) throws(WireError) {
        self.init(
            realtime: try reader.readOptional { reader throws(WireError) in try reader.read(UInt64.self) },
            monotonic: try reader.readOptional { reader throws(WireError) in try reader.read(UInt64.self) },
            cpuTime: try reader.readOptional { reader throws(WireError) in try reader.read(UInt64.self) })
    }
}

extension MountGrant: WireCodable {
    package func encode(into writer: inout WireWriter) {
        writer.write(guestPath)
        writer.write(hostPath)
        writer.write(rights.rawValue)
        writer.write(symlinks.rawValue)
        writer.write(optional: quotaBytes) { $0.write($1) }
        writer.write(optional: quotaFiles) { $0.write($1) }
    }

    package init(from reader: inout WireReader) throws(WireError) {
        let guestPath = try reader.readString()
        let hostPath = try reader.readString()
        let rights = FileRights(rawValue: try reader.read())
        guard let symlinks = SymlinkPolicy(rawValue: try reader.read()) else { throw .invalid("symlink policy") }
        self.init(
            guestPath: guestPath, hostPath: hostPath, rights: rights, symlinks: symlinks,
            quotaBytes: try reader.readOptional { reader throws(WireError) in try reader.read(UInt64.self) },
            quotaFiles: try reader.readOptional { reader throws(WireError) in try reader.read(UInt64.self) })
    }
}
