// What a process may do, as it was narrowed on the way from the program's first process down to it.

import CapabilityModel
import CellProtocol
import Synchronization
import WASIPreview1
import WasmEngine

/// How a process's authority differs from the first one's. Order does not matter, for each step is a meet.
struct Narrowing: Hashable, Sendable {
    /// Named policies by their index in the plan; sorted, each once.
    var policies: [UInt16] = []
    var withheld: Withheld = []

    static let none = Narrowing()

    func adding(policy: UInt16?, withheld more: Withheld) -> Narrowing {
        var narrowing = self
        narrowing.withheld.formUnion(more)
        if let policy, !policies.contains(policy) {
            narrowing.policies = (policies + [policy]).sorted()
        }
        return narrowing
    }
}

/// One capability set of a program, lowered. All processes that were narrowed alike share it.
final class Authority: Sendable {
    let narrowing: Narrowing
    /// Limits aside: those are `Grant`'s.
    let capabilities: CapabilitySet
    let imports: ImportTable
    let onDenied: DenialMode
    /// What args_get and environ_get hand out.
    let arguments: [[UInt8]]
    let environment: [[UInt8]]
    private let linked = Mutex<[ObjectIdentifier: Code]>([:])

    /// A module with this authority's import table, and its finished instances. Nothing of them reaches a process of another
    /// authority.
    final class Code: Sendable {
        let linked: LinkedModule
        let pool: InstancePool

        init(_ linked: LinkedModule) {
            self.linked = linked
            pool = InstancePool(linked)
        }
    }

    /// The first process's, with what the supervisor resolved for it.
    init(root capabilities: CapabilitySet, onDenied: DenialMode, arguments: [[UInt8]], environment: [[UInt8]]) {
        narrowing = .none
        self.capabilities = capabilities
        self.arguments = arguments
        self.environment = environment
        imports = ImportTableLowering.table(for: capabilities)
        self.onDenied = onDenied
    }

    init(_ narrowing: Narrowing, of root: Authority, policies: [CellPlan.NamedPolicy]) {
        let withheld = root.capabilities.withholding(narrowing.withheld)
        var capabilities = withheld
        var onDenied = root.onDenied
        var decided: [(table: ImportTable, name: String)] = []
        for index in narrowing.policies {
            let policy = policies[Int(index)]
            capabilities = capabilities.meet(policy.capabilities)
            onDenied = max(onDenied, policy.onDenied)
            decided.append((ImportTableLowering.table(for: policy.capabilities), policy.name))
        }
        self.narrowing = narrowing
        self.capabilities = capabilities
        self.onDenied = onDenied
        arguments = capabilities.arguments ? root.arguments : Array(root.arguments.prefix(1))
        environment = root.environment.compactMap { Authority.visible($0, to: capabilities.environment) }
        imports = Authority.explained(
            ImportTableLowering.table(for: capabilities), root: root.imports,
            withheld: ImportTableLowering.table(for: withheld), policies: decided)
    }

    /// The module with this authority's import table; linked once.
    /// - Throws: `EngineError.unresolvedImports` for what Bulkhead does not have.
    func link(_ module: Module, engine: Engine) throws(EngineError) -> Code {
        let identity = ObjectIdentifier(module)
        if let found = linked.withLock({ $0[identity] }) { return found }
        let linker = Linker(engine: engine)
        linker.hooks = GuestContext.directHooks
        try HostImports.define(in: linker, for: module, by: imports)
        let made = Code(try linker.link(module))
        return linked.withLock { table in
            let first = table[identity] ?? made
            table[identity] = first
            return first
        }
    }

    /// Each refusal with the key that decided it: the program's policy, else the parents' `without`, else the named
    /// policies.
    private static func explained(
        _ table: ImportTable, root: ImportTable, withheld: ImportTable, policies: [(table: ImportTable, name: String)]
    ) -> ImportTable {
        var entries = table.entries
        for (name, disposition) in table.entries {
            guard case .denied(let key) = disposition else { continue }
            if case .denied? = root[name] {
                entries[name] = root[name]
            } else if case .denied? = withheld[name] {
                entries[name] = .denied(PolicyKey("spawn.without.\(area(of: key))"))
            } else {
                let policy = policies.first { if case .denied? = $0.table[name] { true } else { false } }
                entries[name] = .denied(policy.map { key.in(policy: $0.name) } ?? key)
            }
        }
        return ImportTable(entries: entries)
    }

    /// What of a supervised child's arguments and variables a process with this authority sees.
    func surroundings(
        arguments: [[UInt8]], environment: [[UInt8]]
    ) -> (arguments: [[UInt8]], environment: [[UInt8]]) {
        let own = capabilities.arguments ? arguments : Array(arguments.prefix(1))
        // The child's are its supervisor's to choose; whoever was narrowed sees what the narrowing leaves of them.
        if narrowing.withheld.contains(.env) { return (own, []) }
        if narrowing.policies.isEmpty { return (own, environment) }
        return (own, environment.compactMap { Authority.visible($0, to: capabilities.environment) })
    }

    /// A variable as a narrowed process sees it; nil when it does not.
    private static func visible(_ variable: [UInt8], to grant: EnvironmentGrant) -> [UInt8]? {
        let name = String(decoding: variable.prefix { $0 != UInt8(ascii: "=") }, as: UTF8.self)
        if let fixed = grant.set[name] { return Array("\(name)=\(fixed.value)".utf8) }
        return grant.passes(name) ? variable : nil
    }

    /// `net` for `net.listen`.
    private static func area(of key: PolicyKey) -> String {
        let first = key.path.prefix { $0 != "." && $0 != "[" }
        return first == "process" ? "spawn" : String(first)
    }
}

extension CapabilitySet {
    /// This set less whole areas: always a subset.
    func withholding(_ areas: Withheld) -> CapabilitySet {
        var set = self
        if areas.contains(.fs) { set.mounts = [] }
        if areas.contains(.net) {
            set.connect = []
            set.listen = []
            set.resolve = []
        }
        if areas.contains(.env) { set.environment = EnvironmentGrant() }
        if areas.contains(.args) { set.arguments = false }
        if areas.contains(.clocks) { set.clocks = ClockGrant() }
        if areas.contains(.random) { set.random = false }
        if areas.contains(.stdio) { set.stdio = .closed }
        if areas.contains(.spawn) { set.limits.processes = 0 }
        return set
    }
}

/// The authorities of a program that are in use. A guest can ask for many narrowings, so there is a bound: past it those
/// that no process holds are forgotten, and when all are held, no more are made.
final class AuthorityCache: Sendable {
    private static let limit = 512

    private let root: Authority
    private let policies: [CellPlan.NamedPolicy]
    private let table: Mutex<[Narrowing: Authority]>

    init(root: Authority, policies: [CellPlan.NamedPolicy]) {
        self.root = root
        self.policies = policies
        table = Mutex([.none: root])
    }

    /// nil when there are too many.
    func authority(_ narrowing: Narrowing) -> Authority? {
        table.withLock { table in
            if let found = table[narrowing] { return found }
            if table.count >= AuthorityCache.limit { AuthorityCache.forgetUnused(&table) }
            guard table.count < AuthorityCache.limit else { return nil }
            let made = Authority(narrowing, of: root, policies: policies)
            table[narrowing] = made
            return made
        }
    }

    private static func forgetUnused(_ table: inout [Narrowing: Authority]) {
        for key in Array(table.keys) where key != .none {
            guard var authority = table.removeValue(forKey: key) else { continue }
            if !isKnownUniquelyReferenced(&authority) { table[key] = authority }
        }
    }

    func policy(named name: String) -> UInt16? {
        policies.firstIndex { $0.name == name }.flatMap { UInt16(exactly: $0) }
    }

    func limits(ofPolicy index: UInt16) -> (name: String, limits: Limits) {
        (policies[Int(index)].name, policies[Int(index)].capabilities.limits)
    }
}
