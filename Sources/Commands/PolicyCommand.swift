// `bulkhead policy`: what capability files say and mean.

internal import ArgumentParser
internal import CapabilityModel
internal import Glibc
internal import LinuxKernel
internal import PolicyCompiler

struct PolicyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "policy",
        abstract: "Checks, explains and compares capability files.",
        discussion: """
            A policy is a TOML file or the name of a shipped one: \(ShippedPolicies.names.joined(separator: ", ")). \
            Several policies meet: what all of them allow.

            Examples:
              bulkhead policy check plugin.toml
              bulkhead policy explain no-net plugin.toml
              bulkhead policy diff main.toml proposed.toml
              bulkhead policy schema > policy.schema.json
              bulkhead policy init plugin.wasm > plugin.toml
            """,
        subcommands: [
            PolicyCheckCommand.self, PolicyExplainCommand.self, PolicyDiffCommand.self, PolicySchemaCommand.self,
            PolicyInitCommand.self,
        ])
}

/// What the subcommands share.
enum PolicyFiles {
    /// sysexits.h: EX_CONFIG.
    static let configurationError: Int32 = 78

    static func load(_ references: [String], with loader: PolicyLoader) throws(PolicyErrors) -> [PolicyDocument] {
        guard let directory = HostProcess.currentDirectory() else {
            let place = PolicyOrigin(
                file: PolicyDocument.commandLine, line: 0, column: 0, keyPath: "", isPresent: true)
            throw PolicyErrors([PolicyError(at: place, "the current directory is gone")])
        }
        var documents: [PolicyDocument] = []
        var errors: [PolicyError] = []
        for reference in references {
            do throws(PolicyErrors) {
                documents.append(try loader.load(reference, in: directory))
            } catch {
                errors += error.errors
            }
        }
        if !errors.isEmpty { throw PolicyErrors(errors) }
        return documents
    }

    /// Directories that are not there, or are no directories.
    static func missingDirectories(_ documents: [PolicyDocument]) -> [PolicyError] {
        documents.flatMap { document in
            (document.mounts ?? []).compactMap { mount -> PolicyError? in
                let path = mount.grant.hostPath
                let message: String
                do throws(SystemError) {
                    guard let status = try HostFile.status(path: path) else {
                        return PolicyError(
                            at: mount.origin, "the host directory \(TOMLText.string(path)) does not exist",
                            advice: "make it, or write a directory that exists")
                    }
                    if status.isDirectory { return nil }
                    message = "\(TOMLText.string(path)) is not a directory"
                } catch {
                    message = "cannot look at \(TOMLText.string(path)): \(errnoText(error.errno))"
                }
                return PolicyError(at: mount.origin, message, advice: "mount a directory that this user may enter")
            }
        }
    }

    /// Prints errors, as text on stderr or as JSON on stdout, and ends with status 78.
    static func fail(_ errors: PolicyErrors, json: Bool) -> ExitCode {
        if json {
            print(errors.json.text, terminator: "")
        } else {
            StandardError.write(errors.description + "\n")
        }
        return ExitCode(configurationError)
    }
}

struct PolicyCheckCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Says everything that is wrong with policies, alone and together.",
        discussion: """
            Reads what `bulkhead run` would read, secrets included, and looks for the directories that are mounted.

            Examples:
              bulkhead policy check plugin.toml
              bulkhead policy check --json no-net plugin.toml

            Exit status: 0 when they can be used, 78 when not.
            """)

    @Argument(help: ArgumentHelp("Policy files or names of shipped policies.", valueName: "file|name"))
    var policies: [String]

    @Flag(name: .long, help: "Print JSON.")
    var json = false

    func run() throws {
        do throws(PolicyErrors) {
            let documents = try PolicyFiles.load(policies, with: .host)
            let policy = try PolicyCompiler.compile(documents)
            let missing = PolicyFiles.missingDirectories(documents)
            if !missing.isEmpty { throw PolicyErrors(missing) }
            let warnings = PolicyWarnings.of(policy)
            if json {
                let value: JSONValue = .object([
                    "errors": .array([]), "warnings": .strings(warnings), "digest": .string(policy.digest),
                ])
                print(value.text, terminator: "")
            } else {
                for warning in warnings { StandardError.write("warning: \(warning)\n") }
                print("ok \(policy.digest)")
            }
        } catch {
            throw PolicyFiles.fail(error, json: json)
        }
    }
}

struct PolicyExplainCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "explain",
        abstract: "Prints what policies mean together, down to imports, syscalls and Landlock rules.",
        discussion: """
            Each grant is marked by who enforces it when the guest has broken out of WebAssembly: the kernel, the \
            broker (the supervisor, outside the cell), or nobody (wasm-only). Each limit that is not written is marked \
            as a default. Without a policy, what `bulkhead run` does without one.

            Secrets are not read: the digest of a run with secrets differs.

            Examples:
              bulkhead policy explain http-client
              bulkhead policy explain --json no-net plugin.toml
            """)

    @Argument(help: ArgumentHelp("Policy files or names of shipped policies.", valueName: "file|name"))
    var policies: [String] = []

    @Flag(name: .long, help: "Print JSON.")
    var json = false

    func run() throws {
        do throws(PolicyErrors) {
            let documents = try PolicyFiles.load(policies, with: .hostWithoutSecrets)
            let explanation = Explanation(try PolicyCompiler.compile(documents), documents: documents)
            print(json ? explanation.json.text : explanation.text, terminator: "")
        } catch {
            throw PolicyFiles.fail(error, json: json)
        }
    }
}

struct PolicyDiffCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "diff",
        abstract: "Says in words what one policy allows that another does not.",
        discussion: """
            Lines with + are what NEW allows and OLD does not, lines with - the reverse.

            Examples:
              bulkhead policy diff main.toml proposed.toml
              bulkhead policy diff --json no-net full-wasi

            Exit status: 1 when NEW allows anything that OLD does not, else 0; 78 when one of them is wrong.
            """)

    @Argument(help: ArgumentHelp("The policy before.", valueName: "file|name"))
    var old: String

    @Argument(help: ArgumentHelp("The policy after.", valueName: "file|name"))
    var new: String

    @Flag(name: .long, help: "Print JSON.")
    var json = false

    func run() throws {
        let diff: PolicyDiff
        do throws(PolicyErrors) {
            let documents = try PolicyFiles.load([old, new], with: .hostWithoutSecrets)
            diff = PolicyDiff(
                from: try PolicyCompiler.compile(Array(documents.prefix(1))),
                to: try PolicyCompiler.compile(Array(documents.suffix(1))))
        } catch {
            throw PolicyFiles.fail(error, json: json)
        }
        print(json ? diff.json.text : diff.text, terminator: "")
        if diff.widens { throw ExitCode(1) }
    }
}

struct PolicySchemaCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "schema",
        abstract: "Prints the JSON Schema of policy files, for editors.",
        discussion: """
            Examples:
              bulkhead policy schema > policy.schema.json
            """)

    func run() {
        print(PolicySchema.json.text, terminator: "")
    }
}
