// The command line's root: one subcommand a file.

package import ArgumentParser
internal import Glibc

package struct BulkheadCommand: ParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "bulkhead",
        abstract: "Runs untrusted WebAssembly under capability files.",
        version: bulkheadVersion,
        subcommands: [
            RunCommand.self, PolicyCommand.self, AuditCommand.self, CacheCommand.self, CompileCommand.self,
        ])

    package init() {}
}

/// The version of all three executables.
package let bulkheadVersion = "0.1.0"

/// Parses the process's arguments, runs the subcommand they name and exits with its status.
package func runCommandLine() -> Never {
    let words = CommandLine.arguments.dropFirst()
    if words.first == "run", let options = RunOptions(quickly: words.dropFirst()) {
        exit(GuestRun(options: options).perform())
    }
    BulkheadCommand.main()
    exit(0)
}
