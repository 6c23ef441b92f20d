// How supervisors hang together: each once, none beneath itself, all beneath the top.

internal import CapabilityModel
internal import PolicyCompiler

extension AppBuilder {
    /// More than any tree needs, and few enough for recursion.
    static let maximumDepth = 32

    /// Finds every supervisor from the top, in order.
    mutating func walk() {
        guard let root = document.root else { return }
        var known: [String: PolicyOrigin] = [:]
        visit(root, above: [], &known)
        order = [root] + order
        // What the top does not reach may still go round in circles, and only that is said then.
        let reached = order.count
        let loose = document.others.filter { known[$0.name] == nil }
        let named = Set(loose.flatMap { $0.children.compactMap { $0.supervisor?.value } })
        for supervisor in loose where known[supervisor.name] == nil && !named.contains(supervisor.name) {
            errors.append(
                PolicyError(
                    at: supervisor.origin, "no child is this supervisor, so it would never start",
                    advice: "write supervisor = \"\(supervisor.name)\" in a child, or remove it"))
            known[supervisor.name] = supervisor.origin
            visit(supervisor, above: [], &known)
        }
        for supervisor in loose where known[supervisor.name] == nil {
            known[supervisor.name] = supervisor.origin
            visit(supervisor, above: [], &known)
        }
        order.removeSubrange(reached...)
    }

    /// A path is what logs and commands call a process.
    static let maximumPath = 255

    /// The paths of everything that the top reaches are short enough.
    mutating func checkPaths() {
        var lengths = ["": document.name?.value.utf8.count ?? 0]
        for supervisor in order {
            guard let above = lengths[supervisor.name] else { continue }
            for child in supervisor.children {
                let number = child.instances.map { "/\($0.value)".utf8.count } ?? 0
                let length = above + 1 + (child.id?.value.utf8.count ?? 0) + number
                if let reference = child.supervisor { lengths[reference.value] = length }
                // Those above it that are too long were said to be already.
                guard length > AppBuilder.maximumPath, above <= AppBuilder.maximumPath else { continue }
                errors.append(
                    PolicyError(
                        at: child.origin, "the child's path has \(length) bytes, with the ids of all supervisors above",
                        advice: "write shorter ids: a path has at most \(AppBuilder.maximumPath)"))
            }
        }
    }

    private mutating func visit(
        _ supervisor: AppDocument.Supervisor, above: [String], _ known: inout [String: PolicyOrigin]
    ) {
        let path = above + [supervisor.name]
        guard path.count <= AppBuilder.maximumDepth else {
            errors.append(
                PolicyError(
                    at: supervisor.origin, "the tree is deeper than \(AppBuilder.maximumDepth) supervisors",
                    advice: "make it flatter"))
            return
        }
        for child in supervisor.children {
            guard let reference = child.supervisor else { continue }
            guard let next = document.others.first(where: { $0.name == reference.value }) else {
                errors.append(
                    unknown("supervisor", reference, in: "supervisors", among: document.others.map(\.name)))
                continue
            }
            if let start = path.firstIndex(of: next.name) {
                let circle = (path[start...] + [next.name]).joined(separator: " → ")
                errors.append(
                    PolicyError(
                        at: reference.origin, "`\(next.name)` would be beneath itself: \(circle)",
                        advice: "a tree has no circles: take one of these children away"))
            } else if let first = known[next.name] {
                errors.append(
                    PolicyError(
                        at: reference.origin, "`\(next.name)` has a place in the tree already",
                        advice: "write another supervisor like it, with a name of its own",
                        related: [PolicyError.Related(origin: first, note: "the first stands here")]))
            } else {
                known[next.name] = reference.origin
                order.append(next)
                visit(next, above: path, &known)
            }
        }
    }
}
