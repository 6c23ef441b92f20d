// bulkhead cache: what native code is kept on this machine.

package import ArgumentParser
internal import AuditLog
internal import CapabilityModel
internal import LinuxKernel
internal import ModuleCache

package struct CacheCommand: ParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "cache", abstract: "Lists or empties the cache of compiled modules.",
        subcommands: [CacheList.self, CacheClear.self])

    package init() {}
}

struct CacheList: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ls", abstract: "Lists compiled modules, the most recently used first.")

    @Flag(help: "One JSON object a line.")
    var json = false

    func run() throws {
        let places = Locations.current()
        let listing = try ModuleCache.listing(directory: places.cacheDirectory)
        var output = CommandOutput()
        var total: UInt64 = 0
        for entry in listing.reversed() {
            total += entry.bytes
            let used = String(Timestamp.text(entry.lastUsed).prefix(16)) + "Z"
            if json {
                let module = entry.moduleDigest.map { "\"\($0)\"" } ?? "null"
                try output.write(
                    "{\"entry\":\"\(EscapedText.forTerminal(entry.name))\",\"module\":\(module),"
                        + "\"bytes\":\(entry.bytes),\"last_used\":\"\(used)\"}")
            } else {
                let module = entry.moduleDigest.map { "sha256:\($0.prefix(16))" } ?? "not readable"
                try output.write(
                    "\(EscapedText.forTerminal(String(entry.name.prefix(16))))  \(module)  \(size(entry.bytes))  last used "
                        + "\(used)  \(entry.recipe.map { EscapedText.forTerminal($0) } ?? "")")
            }
        }
        if !json { try output.write("\(modules(listing.count)), \(size(total)) in \(places.cacheDirectory)") }
        try output.flush()
    }
}

struct CacheClear: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "clear", abstract: "Removes every compiled module; the next run compiles anew.")

    func run() throws {
        let places = Locations.current()
        let removed = try ModuleCache.clear(directory: places.cacheDirectory)
        var output = CommandOutput()
        try output.write("removed \(modules(removed.entries)), \(size(removed.bytes))")
        try output.flush()
    }
}

private func modules(_ count: Int) -> String { count == 1 ? "1 module" : "\(count) modules" }

/// `12.3 MiB`
private func size(_ bytes: UInt64) -> String {
    let units = ["B", "KiB", "MiB", "GiB"]
    var value = bytes * 10
    var unit = 0
    while value >= 10_240, unit < units.count - 1 {
        value /= 1024
        unit += 1
    }
    return unit == 0 ? "\(bytes) B" : "\(value / 10).\(value % 10) \(units[unit])"
}
