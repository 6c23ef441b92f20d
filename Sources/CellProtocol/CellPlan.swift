// Everything a cell is told before it runs a guest. It travels in a memfd; its descriptors follow in the order below.

package import CapabilityModel

package struct CellPlan: Hashable, Sendable {
    /// What to call once the module is instantiated.
    package enum Entry: Hashable, Sendable {
        /// `_start`, or for a reactor `_initialize` alone.
        case start
        /// A reactor's export, after `_initialize`; arguments are parsed by the export's parameter types.
        case invoke(name: String, arguments: [String])
        /// Nothing yet: children come as orders. There is no first module, and each order brings its own arguments,
        /// variables and listeners.
        case hosted
    }

    /// What a guest finds at descriptors 0, 1 and 2.
    package enum Stream: UInt8, Hashable, Sendable {
        case closed = 0
        case plain = 1
        /// The supervisor relays it from or to a terminal, so isatty(3) is to say yes.
        case terminal = 2
        /// Of hosted children: an output stream whose bytes go in frames to the socket that comes with the plan.
        case captured = 3
    }

    package var arguments: [[UInt8]]
    /// `NAME=value` each.
    package var environment: [[UInt8]]
    package var entry: Entry
    package var profile: ExecutionProfile
    package var onDenied: DenialMode
    /// What the first process holds, and no other can exceed. Each of its mounts has an O_PATH directory descriptor.
    package var capabilities: CapabilitySet
    /// Three; each that is plain or a terminal has a descriptor, and those that are captured have one together.
    package var streams: [Stream]
    /// What the cell lowers its own resource limits to.
    package var resourceLimits: [ResourceLimitRule]
    /// What of the file system the cell may reach, by host path; nil where the kernel has no Landlock.
    package var landlock: [LandlockRule]?
    /// The system call filter to run the guest under: BPF instructions for this cell. There is no plan without one.
    package var syscallFilter: [UInt8]
    /// How many listening sockets follow; the guest sees them as preopened after the mounts.
    package var listeners: UInt32
    /// The app's other modules, by the names that `spawn` knows them by. Each has a descriptor of native code, made for the
    /// plan's `profile` as the first module's is.
    package var modules: [String]
    /// What `process.policies` names.
    package var policies: [NamedPolicy]
    /// Directories that some of `policies` mount and `capabilities` does not, one O_PATH descriptor each. The mounts of any
    /// child are, by guest and host path, among these and `capabilities.mounts`.
    package var places: [Place]
    /// Threads that run processes; 0 is as many as there are processors.
    package var workers: UInt32
    /// How long a handler process is idle, in nanoseconds, before it is parked; nil is never.
    package var parkAfter: UInt64?
    /// The number that the cell gives its control socket before it is sealed, and the only one that the filter lets it use
    /// sendmsg(2) on. No less than its limit of descriptors, so that nothing else can come to have it.
    package var controlSocket: UInt32

    /// A policy that a child may be given.
    package struct NamedPolicy: Hashable, Sendable {
        package var name: String
        /// Met with the first process's already.
        package var capabilities: CapabilitySet
        /// The stricter of the policy's own and the program's.
        package var onDenied: DenialMode

        package init(name: String, capabilities: CapabilitySet, onDenied: DenialMode) {
            self.name = name
            self.capabilities = capabilities
            self.onDenied = onDenied
        }
    }

    package struct Place: Hashable, Sendable {
        package var guestPath: String
        package var hostPath: String

        package init(guestPath: String, hostPath: String) {
            self.guestPath = guestPath
            self.hostPath = hostPath
        }
    }

    package init(
        arguments: [[UInt8]], environment: [[UInt8]], entry: Entry, profile: ExecutionProfile, onDenied: DenialMode,
        capabilities: CapabilitySet, streams: [Stream], resourceLimits: [ResourceLimitRule],
        landlock: [LandlockRule]?, syscallFilter: [UInt8], listeners: UInt32, modules: [String] = [],
        policies: [NamedPolicy] = [], places: [Place] = [], workers: UInt32 = 0, parkAfter: UInt64? = nil,
        controlSocket: UInt32 = 3
    ) {
        self.arguments = arguments
        self.environment = environment
        self.entry = entry
        self.profile = profile
        self.onDenied = onDenied
        self.capabilities = capabilities
        self.streams = streams
        self.resourceLimits = resourceLimits
        self.landlock = landlock
        self.syscallFilter = syscallFilter
        self.listeners = listeners
        self.modules = modules
        self.policies = policies
        self.places = places
        self.workers = workers
        self.parkAfter = parkAfter
        self.controlSocket = controlSocket
    }

    /// Descriptors that come with the plan after the plan's own: the first module's native code, the standard streams
    /// that exist in order, the socket of the captured ones, the mounts, the listeners, the other modules' code, the places.
    package var descriptorCount: Int {
        (isHosted ? 0 : 1) + streamCount + (capturesOutput ? 1 : 0) + mounts.count + Int(listeners) + modules.count
            + places.count
    }

    package var isHosted: Bool { entry == .hosted }

    /// Standard streams with a descriptor of their own.
    package var streamCount: Int { streams.count { $0 == .plain || $0 == .terminal } }

    package var capturesOutput: Bool { streams.contains(.captured) }

    package var imports: ImportTable { ImportTableLowering.table(for: capabilities) }
    package var limits: Limits { capabilities.limits }
    package var clocks: ClockGrant { capabilities.clocks }
    package var random: Bool { capabilities.random }
    package var mounts: [MountGrant] { capabilities.mounts }
}

extension CellPlan: WireCodable {
    /// Grows with each change of the encoding: a cell and a supervisor of different builds refuse each other.
    private static let version: UInt16 = 4

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
        case .hosted:
            writer.write(UInt8(2))
        }
        writer.write(profile)
        writer.write(onDenied.rawValue)
        writer.write(capabilities)
        writer.write(list: streams) { $0.write($1.rawValue) }
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
        writer.write(list: modules) { $0.write($1) }
        writer.write(list: policies) { writer, policy in
            writer.write(policy.name)
            writer.write(policy.capabilities)
            writer.write(policy.onDenied.rawValue)
        }
        writer.write(list: places) { writer, place in
            writer.write(place.guestPath)
            writer.write(place.hostPath)
        }
        writer.write(workers)
        writer.write(optional: parkAfter) { $0.write($1) }
        writer.write(controlSocket)
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
        case 2: entry = .hosted
        default: throw .invalid("entry")
        }
        let profile: ExecutionProfile = try reader.readValue()
        guard let onDenied = DenialMode(rawValue: try reader.read()) else { throw .invalid("denial mode") }
        let capabilities: CapabilitySet = try reader.readValue()
        let streams = try reader.readList { reader throws(WireError) in
            guard let stream = Stream(rawValue: try reader.read()) else { throw .invalid("standard stream") }
            return stream
        }
        guard streams.count == 3, streams[0] != .captured, entry == .hosted || !streams.contains(.captured) else {
            throw .invalid("standard streams")
        }
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
        let syscallFilter = try reader.readBytes()
        let listeners = try reader.read(UInt32.self)
        let modules = try reader.readList { reader throws(WireError) in try reader.readString() }
        let policies = try reader.readList { reader throws(WireError) in
            let name = try reader.readString()
            let capabilities: CapabilitySet = try reader.readValue()
            guard let onDenied = DenialMode(rawValue: try reader.read()) else { throw .invalid("denial mode") }
            return NamedPolicy(name: name, capabilities: capabilities, onDenied: onDenied)
        }
        let places = try reader.readList { reader throws(WireError) in
            let guestPath = try reader.readString()
            return Place(guestPath: guestPath, hostPath: try reader.readString())
        }
        self.init(
            arguments: arguments, environment: environment, entry: entry, profile: profile, onDenied: onDenied,
            capabilities: capabilities, streams: streams, resourceLimits: resourceLimits, landlock: landlock,
            syscallFilter: syscallFilter, listeners: listeners, modules: modules, policies: policies, places: places,
            workers: try reader.read(),
            parkAfter: try reader.readOptional { reader throws(WireError) in try reader.read(UInt64.self) },
            controlSocket: try reader.read())
    }
}
