// What `bulkhead run` is asked, as plain values, and the quick way there for a command line that has nothing unusual in it.

struct RunOptions: Hashable {
    var policy: [String] = []
    var dir: [String] = []
    var env: [String] = []
    var listen: [String] = []
    var connect: [String] = []
    var maxMemory: String?
    var timeout: String?
    var profile: String?
    var invoke: String?
    var printPolicy = false
    var module: String?
    /// As they were given, a leading `--` included.
    var arguments: [String] = []
}

extension RunOptions {
    /// Reads `run`'s words as ArgumentParser would; nil for whatever it alone should judge: an option that is unknown, twice
    /// there or lacks its value, a call for help, a word that could be read in two ways.
    ///
    /// Building ArgumentParser's tables by reflection costs more than a tenth of a short run.
    init?(quickly words: some Sequence<String>) {
        var rest = words.makeIterator()
        while let word = rest.next() {
            guard word.hasPrefix("-") else {
                module = word
                break
            }
            if word == "--print-policy", !printPolicy {
                printPolicy = true
                continue
            }
            guard word.hasPrefix("--"), let value = rest.next(), !value.isEmpty, !value.hasPrefix("-"),
                take(value, as: word.dropFirst(2))
            else { return nil }
        }
        while let word = rest.next() { arguments.append(word) }
        // Before anything that is the guest's for sure, an option after the module could be ours.
        if let first = arguments.first, first.hasPrefix("-"), first != "--" { return nil }
        guard module?.isEmpty == false else { return nil }
    }

    /// False when there is no such option, or it was given before and may be given once.
    private mutating func take(_ value: String, as option: Substring) -> Bool {
        switch option {
        case "policy": policy.append(value)
        case "dir": dir.append(value)
        case "env": env.append(value)
        case "listen": listen.append(value)
        case "connect": connect.append(value)
        case "max-memory": return Self.set(&maxMemory, value)
        case "timeout": return Self.set(&timeout, value)
        case "profile": return Self.set(&profile, value)
        case "invoke": return Self.set(&invoke, value)
        default: return false
        }
        return true
    }

    private static func set(_ option: inout String?, _ value: String) -> Bool {
        guard option == nil else { return false }
        option = value
        return true
    }
}
