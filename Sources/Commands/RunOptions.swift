// What `bulkhead run` is asked, as plain values.

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
