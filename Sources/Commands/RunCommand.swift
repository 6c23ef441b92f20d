// `bulkhead run`: one guest under capability files, in the foreground.

internal import ArgumentParser
import CellSupervisor
import Glibc
import LinuxKernel

struct RunCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run",
        abstract: "Runs a WebAssembly program under capability files.",
        discussion: """
            Without a policy the guest computes and talks on its standard streams, nothing else. Several policies \
            meet: it may do what all of them allow. Quick grants make a policy of their own; --print-policy shows it.

            Examples:
              bulkhead run hello.wasm
              bulkhead run --policy policies/no-net.toml plugin.wasm -- --verbose input.txt
              bulkhead run --dir ./data::/data:ro --timeout 10s solver.wasm /data/problem.smt2
              bulkhead run --invoke add calculator.wasm 2 3

            Exit status: the guest's own; 134 a trap or a limit, 124 a time limit, 78 a policy that is wrong or \
            refuses the module, 65 a module that is not valid, 66 one that cannot be read, 70 Bulkhead's own failure, \
            74 output that could not be passed on, \
            137 killed by another process, 69 linked to a process that was gone, 1 a reason of the guest's own, \
            128+N ended by signal N.
            """)

    @Option(
        name: .long,
        help: ArgumentHelp("A capability file, or the name of a shipped one. Repeat to narrow.", valueName: "file|name")
    )
    var policy: [String] = []

    @Option(
        name: .long,
        help: ArgumentHelp("Mount a host directory, read-write unless it ends in :ro.", valueName: "host::guest[:ro]"))
    var dir: [String] = []

    @Option(
        name: .long, help: ArgumentHelp("Set a variable, or pass one of yours through.", valueName: "name[=value]"))
    var env: [String] = []

    @Option(name: .long, help: ArgumentHelp("A socket to listen on for the guest.", valueName: "tcp://address:port"))
    var listen: [String] = []

    @Option(name: .long, help: ArgumentHelp("A host the guest may connect to.", valueName: "tcp://host:port"))
    var connect: [String] = []

    @Option(name: .long, help: ArgumentHelp("The most linear memory.", valueName: "size"))
    var maxMemory: String?

    @Option(name: .long, help: ArgumentHelp("The most wall time.", valueName: "duration"))
    var timeout: String?

    @Option(name: .long, help: ArgumentHelp("dense, heavy or auto.", valueName: "profile"))
    var profile: String?

    @Option(
        name: .long,
        help: ArgumentHelp("Call this export of a reactor; arguments are its parameters.", valueName: "export"))
    var invoke: String?

    @Option(
        name: .customLong("module"),
        help: ArgumentHelp("Another module of the app, which the guest may spawn by this name.", valueName: "name=path")
    )
    var modules: [String] = []

    @Option(
        name: .long,
        help: ArgumentHelp("Threads that run processes; as many as processors if left out.", valueName: "n"))
    var workers: UInt32?
    /// More than any machine has use for; each is a thread.
    static let maximumWorkers: UInt32 = 1024

    @Flag(name: .long, help: "Print the policy that the quick grants make, and stop.")
    var printPolicy = false

    @Argument(help: "A module: .wasm, .wat, or one compiled with `bulkhead compile`.", completion: .file())
    var module: String?

    @Argument(parsing: .captureForPassthrough, help: "The guest's arguments; a leading -- is dropped.")
    var arguments: [String] = []

    /// A cell that is started when this is first asked for: before the command line is parsed, to get ready meanwhile.
    static let spare: SpareCell? = Companion.startCell()

    func run() throws {
        throw ExitCode(GuestRun(options: self, spare: Self.spare).perform())
    }
}
