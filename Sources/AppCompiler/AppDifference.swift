// What a reload has to do: how a plan differs from the one that is running, path by path.

internal import Supervision

/// The differences between two plans, those of the new one in its order and then what is gone.
package struct AppDifference: Hashable, Sendable {
    package enum Change: String, Hashable, Sendable, CaseIterable {
        /// To be started, with all that is beneath it.
        case added
        /// To be stopped, with all that is beneath it.
        case removed
        /// Another process now, or a process in place of a supervisor, or children in place of a template, or the reverse: to be
        /// stopped and started again, with all that is beneath it.
        case replaced
        /// It runs on, under another restart type, shutdown or significance.
        case respecified
        /// A supervisor that runs on under other settings: strategy, intensity, period, auto_shutdown or back-off.
        case reconfigured
        /// A supervisor whose children that are in both have another order now.
        case reordered
    }

    package struct Entry: Hashable, Sendable {
        /// Ids from the top.
        package var path: String
        package var change: Change
    }

    package var entries: [Entry]
    /// Names; a listener with another address or backlog is in both.
    package var openedListeners: [String]
    package var closedListeners: [String]
    /// Whether log, metrics or control are others now.
    package var surroundings: Bool

    package var isEmpty: Bool {
        entries.isEmpty && openedListeners.isEmpty && closedListeners.isEmpty && !surroundings
    }

    package init(from old: AppPlan, to new: AppPlan) {
        let (before, after) = (AppDifference.nodes(old), AppDifference.nodes(new))
        openedListeners = new.listeners.filter { !old.listeners.contains($0) }.map(\.name)
        closedListeners = old.listeners.filter { !new.listeners.contains($0) }.map(\.name)
        surroundings = old.log != new.log || old.metrics != new.metrics || old.control != new.control
        entries = []
        // What stays: what is beneath anything else comes and goes with it.
        var staying: Set<String> = []
        for key in after.order {
            guard let now = after.nodes[key], now.parent.map(staying.contains) ?? true else { continue }
            guard let was = before.nodes[key] else {
                add(now, .added)
                continue
            }
            guard was.path == now.path, was.identity == now.identity, was.isDynamic == now.isDynamic else {
                add(now, .replaced)
                continue
            }
            staying.insert(now.path)
            if was.spec != now.spec { add(now, .respecified) }
            if was.flags != now.flags { add(now, .reconfigured) }
            let both = Set(was.children).intersection(now.children)
            if was.children.filter(both.contains) != now.children.filter(both.contains) { add(now, .reordered) }
        }
        for key in before.order where after.nodes[key] == nil {
            guard let was = before.nodes[key], was.parent.map(staying.contains) ?? true else { continue }
            add(was, .removed)
        }
    }

    private mutating func add(_ node: Node, _ change: Change) {
        entries.append(Entry(path: node.path, change: change))
    }

    /// A supervisor or a process, free of its plan's indices and keys.
    private struct Node {
        var path: String
        /// Its supervisor's path; nil for the top.
        var parent: String?
        /// As its own supervisor has it, but for the start key; nil for the top.
        var spec: ChildSpec?
        /// Of a supervisor.
        var flags: SupervisorFlags?
        var children: [String] = []
        /// Of a process.
        var identity: AppPlan.Identity?

        /// Whether it has a template in place of children; nil for a process.
        var isDynamic: Bool? { flags.map { $0.strategy == .simpleOneForOne } }
    }

    /// By supervisor and id: paths alone would not tell the copy `a/1` from the child `1` of a supervisor `a`.
    private static func nodes(_ plan: AppPlan) -> (order: [String], nodes: [String: Node]) {
        var order: [String] = []
        var nodes: [String: Node] = [:]
        var keys: [Int: String] = [0: ""]
        for (index, supervisor) in plan.supervisors.enumerated() {
            let key = keys[index] ?? ""
            if supervisor.parent == nil {
                order.append(key)
                nodes[key] = Node(path: supervisor.path)
            }
            nodes[key]?.flags = supervisor.flags
            nodes[key]?.children = supervisor.children.map(\.id.name)
            for child in supervisor.children {
                let own = "\(supervisor.path) \(child.id)"
                var node = Node(path: "\(supervisor.path)/\(child.id)", parent: supervisor.path, spec: child)
                node.spec?.start = StartKey(rawValue: 0)
                switch plan.start(child.start) {
                case .process(let process)?: node.identity = plan.identity(of: process)
                case .supervisor(let next)?: keys[next] = own
                case nil: break
                }
                order.append(own)
                nodes[own] = node
            }
        }
        return (order, nodes)
    }
}
