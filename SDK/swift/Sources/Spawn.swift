// How processes are made: with what rights and limits, and how a child finds its function and argument.

import CBulkhead

/// Parts of the rights that a process can be made without.
public struct Areas: OptionSet {
    public let rawValue: UInt32
    public init(rawValue: UInt32) { self.rawValue = rawValue }

    public static var fs: Areas { Areas(rawValue: 1) }
    public static var net: Areas { Areas(rawValue: 2) }
    public static var env: Areas { Areas(rawValue: 4) }
    public static var args: Areas { Areas(rawValue: 8) }
    public static var clocks: Areas { Areas(rawValue: 16) }
    public static var random: Areas { Areas(rawValue: 32) }
    public static var stdio: Areas { Areas(rawValue: 64) }
    public static var spawn: Areas { Areas(rawValue: 128) }
}

/// A limit of a child's, which all that it spawns shares.
public enum Limit: UInt32 {
    /// Bytes.
    case memory
    /// Nanoseconds.
    case cpu, wall
    /// Descriptors, and handles.
    case fds
    /// Bytes.
    case output
    case mailboxMessages
    /// Bytes.
    case mailboxBytes
    case processes, tables
    /// Bytes.
    case stack
    /// Percent of one processor.
    case cpuShare
}

/// How a child is made: `.linked.without(.fs).limit(.fds, 4)`.
public struct SpawnOptions {
    var flags: UInt32 = 0
    var areas: Areas = []
    var limits: [bulkhead_limit] = []
    var policy = ""

    public init() {}

    /// With all that the caller holds.
    public static var standard: SpawnOptions { SpawnOptions() }
    /// Linked with the caller from the start.
    public static var linked: SpawnOptions { SpawnOptions().adding(flag: UInt32(BULKHEAD_SPAWN_LINK)) }
    /// Without parts of the caller's rights.
    public static func without(_ areas: Areas) -> SpawnOptions { SpawnOptions().without(areas) }
    /// With this much at most.
    public static func limit(_ limit: Limit, _ value: UInt64) -> SpawnOptions { SpawnOptions().limit(limit, value) }
    /// Under this policy, as far as the caller's own goes.
    public static func policy(_ name: String) -> SpawnOptions { SpawnOptions().policy(name) }

    public func without(_ areas: Areas) -> SpawnOptions {
        var options = self
        options.areas.formUnion(areas)
        return options
    }

    public func limit(_ limit: Limit, _ value: UInt64) -> SpawnOptions {
        var options = self
        options.limits.append(bulkhead_limit(limit: limit.rawValue, zero: 0, value: value))
        return options
    }

    public func policy(_ name: String) -> SpawnOptions {
        var options = self
        options.policy = name
        return options
    }

    func adding(flag: UInt32) -> SpawnOptions {
        var options = self
        options.flags |= flag
        return options
    }
}

// A function without captured values is a number, an index in the module's table, with nothing beside it.
struct FunctionBits {
    let index: UInt32
    let context: UInt32
}

struct EntryFunction {
    let call: () -> Void

    var index: UInt32 {
        let bits = unsafeBitCast(self, to: FunctionBits.self)
        if bits.context != 0 { fail("spawn: this build of the SDK makes closures of its own") }
        return bits.index
    }
}

func functionIndex(_ bits: FunctionBits) -> UInt32 {
    if bits.context != 0 {
        fail(
            "spawn: the closure captures a value, which no child would have: pass it as the argument"
        )
    }
    return bits.index
}

struct Body<Argument: Wire & ~Copyable, Message: Wire & ~Copyable> {
    let run: (consuming Argument, borrowing Mailbox<Message>) throws(HostError) -> Void

    var index: UInt32 { functionIndex(unsafeBitCast(self, to: FunctionBits.self)) }
}

extension Process where Message: ~Copyable {
    /// Starts a process that runs `body` in memory of its own, with this argument. It ends when `body` returns; one
    /// that throws ends with the error's words as its reason.
    ///
    /// `body` must capture nothing: what it needs is its argument. One that captures traps in the parent.
    /// Errors: `notCapable` no right to (further) children or to that policy, `noEntry` no such policy, `again` too
    /// many processes.
    @discardableResult
    public static func spawn<Argument: Wire & ~Copyable>(
        _ argument: consuming Argument, with options: SpawnOptions = .standard,
        _ body: @escaping (consuming Argument, borrowing Mailbox<Message>) throws(HostError) -> Void
    ) throws(HostError) -> Process {
        var encoder = Encoder()
        encoder.put(Body(run: body).index)
        argument.encode(to: &encoder)
        let child = try start(enter(Argument.self), encoder, options)
        return Process(Handle(child.process))
    }

    /// As `spawn`, with a monitor from the start.
    public static func spawnMonitored<Argument: Wire & ~Copyable>(
        _ argument: consuming Argument, with options: SpawnOptions = .standard,
        _ body: @escaping (consuming Argument, borrowing Mailbox<Message>) throws(HostError) -> Void
    ) throws(HostError) -> (Process, Monitor) {
        var encoder = Encoder()
        encoder.put(Body(run: body).index)
        argument.encode(to: &encoder)
        let child = try start(enter(Argument.self), encoder, options.adding(flag: UInt32(BULKHEAD_SPAWN_MONITOR)))
        return (Process(Handle(child.process)), Monitor(child.monitor))
    }

    // What a child runs first: the function that belongs to these types.
    static func enter<Argument: Wire & ~Copyable>(_: Argument.Type) -> EntryFunction {
        EntryFunction(call: {
            runChild { (taken: TakenArgument) throws(HostError) in
                let body = unsafeBitCast(try taken.function(), to: Body<Argument, Message>.self)
                let argument = try Argument.decode(from: &taken.decoder)
                taken.free()
                try body.run(argument, Mailbox())
            }
        })
    }
}

struct ArgumentBody<Argument: Wire & ~Copyable> {
    let run: (consuming Argument) throws(HostError) -> Void
}

struct BareBody {
    let run: () throws(HostError) -> Void
}

extension Process where Message == Nothing {
    /// As `spawn` above, for a process that takes no messages.
    @discardableResult
    public static func spawn<Argument: Wire & ~Copyable>(
        _ argument: consuming Argument, with options: SpawnOptions = .standard,
        _ body: @escaping (consuming Argument) throws(HostError) -> Void
    ) throws(HostError) -> Process {
        var encoder = Encoder()
        encoder.put(functionIndex(unsafeBitCast(ArgumentBody(run: body), to: FunctionBits.self)))
        argument.encode(to: &encoder)
        let entry = EntryFunction(call: {
            runChild { (taken: TakenArgument) throws(HostError) in
                let body = unsafeBitCast(try taken.function(), to: ArgumentBody<Argument>.self)
                let argument = try Argument.decode(from: &taken.decoder)
                taken.free()
                try body.run(argument)
            }
        })
        return Process(Handle(try start(entry, encoder, options).process))
    }

    /// As `spawn` above, for a process that takes neither an argument nor messages.
    @discardableResult
    public static func spawn(
        with options: SpawnOptions = .standard, _ body: @escaping () throws(HostError) -> Void
    ) throws(HostError) -> Process {
        var encoder = Encoder()
        encoder.put(functionIndex(unsafeBitCast(BareBody(run: body), to: FunctionBits.self)))
        let entry = EntryFunction(call: {
            runChild { (taken: TakenArgument) throws(HostError) in
                let body = unsafeBitCast(try taken.function(), to: BareBody.self)
                taken.free()
                try body.run()
            }
        })
        return Process(Handle(try start(entry, encoder, options).process))
    }
}

func start(
    _ entry: EntryFunction, _ encoder: borrowing Encoder, _ options: SpawnOptions
) throws(HostError) -> bulkhead_child {
    var raw = bulkhead_options()
    var child = bulkhead_child()
    var policy = options.policy
    raw.flags = options.flags
    raw.without = options.areas.rawValue
    let handler = options.flags & UInt32(BULKHEAD_SPAWN_HANDLER) != 0
    raw.entry = entry.index | (handler ? entryHandler : 0)
    let errno = encoder.bytes.withUnsafeBytes { bytes in
        encoder.handles.withUnsafeBufferPointer { handles in
            options.limits.withUnsafeBufferPointer { limits in
                policy.withUTF8 { name in
                    raw.argument = bytes.baseAddress
                    raw.argument_length = UInt32(bytes.count)
                    raw.handles = handles.baseAddress
                    raw.handle_count = UInt32(handles.count)
                    raw.limits = limits.baseAddress
                    raw.limit_count = UInt32(limits.count)
                    raw.policy =
                        name.isEmpty ? nil : UnsafeRawPointer(name.baseAddress)?.assumingMemoryBound(to: CChar.self)
                    raw.policy_length = UInt32(name.count)
                    return bulkhead_host_spawn(&raw, &child)
                }
            }
        }
    }
    if errno != 0 { encoder.abandon() }
    try check(errno)
    return child
}

let entryHandler: UInt32 = 1 << 31
