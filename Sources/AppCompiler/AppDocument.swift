// What an app file says, key by key, each with its place. What it means is an AppPlan.

package import CapabilityModel
package import PolicyCompiler

package struct AppDocument: Hashable, Sendable {
    /// As the user wrote it.
    package var file: String
    /// The directory against which relative paths were resolved.
    package var baseDirectory: String
    package var name: Written<String>?
    package var summary: String?
    package var trustLabel: Written<String>?
    /// In the order of the text, as are all lists here.
    package var modules: [Module] = []
    package var policies: [Policy] = []
    package var listeners: [Listener] = []
    /// nil only where the text is wrong.
    package var root: Supervisor?
    package var others: [Supervisor] = []
    package var log = Log()
    package var metrics: Written<NetworkGrant>?
    package var control: Written<String>?

    package struct Module: Hashable, Sendable {
        package var name: Written<String>
        /// nil only where the text is wrong.
        package var source: Written<ModuleSource>?
        /// A nil value is `auto`.
        package var profile: Written<ExecutionProfile?>?
    }

    package struct Policy: Hashable, Sendable {
        package var name: Written<String>
        /// Files and shipped policies, which meet.
        package var references: [Written<String>]
    }

    package struct Listener: Hashable, Sendable {
        package var name: Written<String>
        package var address: Written<NetworkGrant>?
        package var backlog: Written<UInt64>?
    }

    package struct Backoff: Hashable, Sendable {
        package var origin: PolicyOrigin
        /// Nanoseconds.
        package var initial: Written<UInt64>?
        package var maximum: Written<UInt64>?
        package var factor: Written<UInt64>?
        /// Percent.
        package var jitter: Written<UInt64>?
        /// Nanoseconds.
        package var reset: Written<UInt64>?
    }

    package struct Supervisor: Hashable, Sendable {
        /// Empty for the top one, which has the app's.
        package var name: String
        package var origin: PolicyOrigin
        package var strategy: Written<String>?
        package var intensity: Written<UInt64>?
        /// Nanoseconds.
        package var period: Written<UInt64>?
        package var autoShutdown: Written<String>?
        package var backoff: Backoff?
        package var children: [Child] = []
    }

    package enum Shutdown: Hashable, Sendable {
        case brutalKill
        case infinity
        /// Nanoseconds.
        case timeout(UInt64)
    }

    package struct Health: Hashable, Sendable {
        package var origin: PolicyOrigin
        package var message: Written<String>?
        package var export: Written<String>?
        /// Nanoseconds.
        package var interval: Written<UInt64>?
        package var timeout: Written<UInt64>?
        package var threshold: Written<UInt64>?
    }

    package struct Variable: Hashable, Sendable {
        package var name: String
        package var value: Written<String>
    }

    package struct Child: Hashable, Sendable {
        package var origin: PolicyOrigin
        package var id: Written<String>?
        package var module: Written<String>?
        package var supervisor: Written<String>?
        package var function: Written<String>?
        package var policy: Written<String>?
        package var arguments: [Written<String>] = []
        package var environment: [Variable] = []
        package var restart: Written<String>?
        package var shutdown: Written<Shutdown>?
        package var significant: Written<Bool>?
        package var instances: Written<UInt64>?
        package var listeners: [Written<String>] = []
        package var registeredName: Written<String>?
        package var acknowledges: Written<Bool>?
        package var health: Health?
        /// A nil value is `unlimited`.
        package var limits: [LimitKey: Written<UInt64?>] = [:]
        /// Where the keys stand that are written, whatever their values.
        package var keys: [String: PolicyOrigin] = [:]
    }

    package struct Log: Hashable, Sendable {
        package var directory: Written<String>?
        package var rotateSize: Written<UInt64>?
        package var rotateCount: Written<UInt64>?
        package var rate: Written<UInt64>?
    }

    package init(file: String, baseDirectory: String) {
        self.file = file
        self.baseDirectory = baseDirectory
    }

    /// Reads an app's text. Nothing else is touched.
    ///
    /// `baseDirectory` is absolute, and relative paths in the text start there. Throws every mistake in the text.
    package static func parse(
        text: String, file: String, baseDirectory: String
    ) throws(PolicyErrors) -> AppDocument {
        let (document, errors) = read(text: text, file: file, baseDirectory: baseDirectory)
        if !errors.isEmpty { throw PolicyErrors(errors) }
        return document
    }

    /// What could be read, and everything that could not.
    static func read(text: String, file: String, baseDirectory: String) -> (AppDocument, [PolicyError]) {
        var reader = AppReader(file: file, baseDirectory: baseDirectory)
        let document = reader.read(text)
        return (document, reader.errors)
    }
}

/// Where a module comes from.
package enum ModuleSource: Hashable, Sendable {
    /// Absolute, normalised.
    case path(String)
    /// The SHA-256 of a module in the cache, hexadecimal.
    case digest(String)
}
