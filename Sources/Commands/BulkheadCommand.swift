// The command line's root: one subcommand a file.

package import ArgumentParser
internal import CapabilityModel
internal import Glibc
internal import LinuxKernel

package struct BulkheadCommand: ParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "bulkhead",
        abstract: "Runs untrusted WebAssembly under capability files.",
        version: bulkheadVersion,
        subcommands: [
            RunCommand.self, AppCommand.self, PolicyCommand.self, AuditCommand.self, CacheCommand.self,
            CompileCommand.self,
        ])

    package init() {}
}

/// The version of all three executables.
package let bulkheadVersion = "0.1.0"

/// Parses the process's arguments, runs the subcommand they name and exits with its status. A command whose output did
/// not arrive has failed, whatever it says itself.
package func runCommandLine() -> Never {
    do throws(SystemError) {
        try StandardStreams.secure()
    } catch {
        exit(RunStatus.failed)
    }
    let status = perform()
    do throws(SystemError) {
        try StandardStreams.flushOutput()
    } catch {
        StandardError.write("bulkhead: standard output: \(error)\n")
        exit(status == 0 ? RunStatus.outputLost : status)
    }
    exit(status)
}

private func perform() -> Int32 {
    let words = CommandLine.arguments.dropFirst()
    if words.first == "run" {
        _ = RunCommand.spare
    }
    do {
        var command = try BulkheadCommand.parseAsRoot()
        try command.run()
        return 0
    } catch let failure as RunFailure {
        StandardError.write(failure.message + "\n")
        return failure.status
    } catch {
        let status = BulkheadCommand.exitCode(for: error).rawValue
        let message = BulkheadCommand.fullMessage(for: error)
        if !message.isEmpty {
            // Help and the version come as errors too, with status 0. A failure may quote a module or a file's name.
            status == 0
                ? print(message) : StandardError.write(EscapedText.lines(message, indentation: "") + "\n")
        }
        return status
    }
}
