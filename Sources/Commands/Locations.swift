// Where Bulkhead keeps its state and its cache.

import Glibc
import LinuxKernel

/// BULKHEAD_STATE_DIR and BULKHEAD_CACHE_DIR win; root uses /var; everyone else the XDG base directories.
struct Locations {
    let stateDirectory: String
    let cacheDirectory: String

    var auditDirectory: String { stateDirectory + "/audit" }
    /// The machine-local key that the audit chain and the module cache derive theirs from.
    var keyFile: String { stateDirectory + "/key" }

    static func current() -> Locations {
        let environment = HostProcess.environment()
        return Locations(environment: environment, isRoot: geteuid() == 0)
    }

    init(environment: [String: String], isRoot: Bool) {
        let home = environment["HOME"] ?? "/"
        func directory(_ own: String, root: String, base: String, beneathHome: String) -> String {
            if let path = environment[own], !path.isEmpty {
                return path.hasPrefix("/") ? path : "\(HostProcess.currentDirectory() ?? "")/\(path)"
            }
            if isRoot { return root }
            // The XDG specification ignores relative paths.
            if let path = environment[base], path.hasPrefix("/") { return path + "/bulkhead" }
            return home + beneathHome + "/bulkhead"
        }
        stateDirectory = directory(
            "BULKHEAD_STATE_DIR", root: "/var/lib/bulkhead", base: "XDG_STATE_HOME", beneathHome: "/.local/state")
        cacheDirectory = directory(
            "BULKHEAD_CACHE_DIR", root: "/var/cache/bulkhead", base: "XDG_CACHE_HOME", beneathHome: "/.cache")
    }
}
