// `bulkhead app`: what app files say and mean, before anything starts.

internal import AppCompiler
internal import ArgumentParser
internal import CapabilityModel
internal import LinuxKernel
internal import PolicyCompiler

struct AppCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "app",
        abstract: "Checks and explains app files.",
        discussion: """
            An app file is a TOML file: modules, policies, and the supervisors and children that run them. See \
            bulkhead-app(5).

            Examples:
              bulkhead app check shop.toml
              bulkhead app explain shop.toml
              bulkhead app schema > app.schema.json
            """,
        subcommands: [AppCheckCommand.self, AppExplainCommand.self, AppSchemaCommand.self])
}

/// What the subcommands share.
enum AppFiles {
    /// Reads the file at `path`, which messages call so, and everything that it names.
    static func load(_ path: String, host: AppHost) throws(PolicyErrors) -> AppPlan {
        let place = PolicyOrigin(file: path, line: 0, column: 0, keyPath: "", isPresent: true)
        guard let directory = HostProcess.currentDirectory() else {
            throw PolicyErrors([PolicyError(at: place, "the current directory is gone")])
        }
        let absolute = Paths.resolve(path, beneath: directory)
        switch HostPolicyFiles.text(absolute, of: "app", hint: "name an app file, such as ./shop.toml") {
        case .success(let text):
            return try AppCompiler.compile(
                text: text, file: path, baseDirectory: Paths.normalised(absolute + "/.."), host: host)
        case .failure(let fault): throw PolicyErrors([fault.error(at: place)])
        }
    }
}

struct AppCheckCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Says everything that is wrong with app files.",
        discussion: """
            Reads what `bulkhead up` would read: the app, its policies with their secrets, the directories that they mount, \
            and the beginnings of its modules. Warnings go to stderr and are no failure.

            Examples:
              bulkhead app check shop.toml
              bulkhead app check --json shop.toml staging.toml

            Exit status: 0 when they can be used, 78 when not.
            """)

    @Argument(help: ArgumentHelp("App files.", valueName: "file"), completion: .file(extensions: ["toml"]))
    var files: [String]

    @Flag(name: .long, help: "Print JSON.")
    var json = false

    func run() throws {
        var plans: [AppPlan] = []
        var errors: [PolicyError] = []
        let host = AppHost.host(readingSecrets: true)
        for file in files {
            do throws(PolicyErrors) {
                plans.append(try AppFiles.load(file, host: host))
            } catch {
                errors += error.errors
            }
        }
        guard errors.isEmpty else { throw PolicyFiles.fail(PolicyErrors(errors), json: json) }
        let warnings = plans.flatMap(\.warnings).map(\.description)
        if json {
            let value: JSONValue = .object([
                "errors": .array([]), "warnings": .strings(warnings),
                "apps": .array(
                    plans.map {
                        .object([
                            "name": .string($0.name), "file": .string($0.file),
                            "processes": .integer($0.totals.processes),
                            "supervisors": .integer(UInt64($0.supervisors.count)),
                        ])
                    }),
            ])
            return print(value.text, terminator: "")
        }
        for warning in warnings { StandardError.write(EscapedText.escapedAgain(warning) + "\n") }
        for plan in plans {
            print("ok \(plan.name): \(plan.totals.processes) processes under \(plan.supervisors.count) supervisors")
        }
    }
}

struct AppExplainCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "explain",
        abstract: "Prints what an app file means: the tree, who restarts whom, what each child is given.",
        discussion: """
            Sections: the tree; listeners; each supervisor and what its settings do; each child with its module, its policy \
            and what is handed down; the policies' grants and limits; cells; all limits together. \
            `bulkhead policy explain` tells more about a policy. Secrets are not read.

            Examples:
              bulkhead app explain shop.toml
              bulkhead app explain --json shop.toml

            Exit status: 0, or 78 when the app is wrong.
            """)

    @Argument(help: ArgumentHelp("An app file.", valueName: "file"), completion: .file(extensions: ["toml"]))
    var file: String

    @Flag(name: .long, help: "Print JSON.")
    var json = false

    func run() throws {
        do throws(PolicyErrors) {
            let explanation = AppExplanation(try AppFiles.load(file, host: .host(readingSecrets: false)))
            print(json ? explanation.json.text : explanation.text, terminator: "")
        } catch {
            throw PolicyFiles.fail(error, json: json)
        }
    }
}

struct AppSchemaCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "schema",
        abstract: "Prints the JSON Schema of app files, for editors.",
        discussion: """
            Examples:
              bulkhead app schema > app.schema.json
            """)

    func run() {
        print(AppSchema.json.text, terminator: "")
    }
}
