// Opens what a policy says of the three standard streams: the cell's ends, and the relays that serve them.

import CapabilityModel
import CellProtocol
import Glibc
import LinuxKernel

/// The supervisor's side of one guest's standard streams.
final class GuestStreams {
    /// Ends for the cell, in order; closed here once the cell has them.
    private(set) var cellEnds: [Int32] = []
    /// What the guest finds at 0, 1 and 2.
    let kinds: [CellPlan.Stream]
    private(set) var relays: [StreamRelay] = []
    /// Which standard stream the relay of the same index serves.
    private var numbers: [Int] = []
    private static let names = ["stdin", "stdout", "stderr"]
    private let outputLimit: UInt64
    private let name: String
    /// Ours, closed with the object: pipe ends and files that the relays use.
    private var owned: [Int32] = []

    /// Passes on as many bytes of output as `outputLimit`; what the guest prints beyond is counted and dropped. `name` is
    /// the guest's, for streams that go to the log.
    init(_ grant: StdioGrant, name: String, outputLimit: UInt64) throws(CellError) {
        self.outputLimit = outputLimit
        self.name = name
        let streams = [grant.stdin, grant.stdout, grant.stderr]
        kinds = streams.enumerated().map { number, stream in
            switch stream {
            case .closed: .closed
            case .inherit: Terminal.isTerminal(Int32(number)) ? .terminal : .plain
            case .null, .file, .log: .plain
            }
        }
        do {
            for (number, stream) in streams.enumerated() where stream != .closed {
                try open(stream, number: Int32(number))
            }
        } catch {
            closeAll()
            throw error
        }
    }

    deinit {
        closeAll()
    }

    /// Bytes that the guest has printed so far.
    var output: UInt64 {
        zip(relays, numbers).reduce(0) { $0 + ($1.1 != 0 ? $1.0.transferred : 0) }
    }

    /// The streams that failed on our side, by what POSIX calls them.
    var failures: [StreamFailure] {
        zip(relays, numbers).compactMap { relay, number in
            relay.failure.map { StreamFailure(stream: GuestStreams.names[number], isOutput: number != 0, error: $0) }
        }
    }

    /// True once nothing that the guest printed is left to pass on.
    var isDrained: Bool {
        zip(relays, numbers).allSatisfy { $1 == 0 || $0.isFinished }
    }

    /// The cell holds its ends now, or never will.
    func closeCellEnds() {
        for raw in cellEnds {
            close(raw)
        }
        cellEnds = []
    }

    /// The cell has ended: what its pipes hold now is all that its guest printed.
    func endSources() {
        for index in relays.indices where numbers[index] != 0 {
            relays[index].endSource()
        }
    }

    /// Lets every relay whose descriptor is ready do its work.
    func advance(ready: Set<Int32>) {
        for index in relays.indices {
            guard let interest = relays[index].interest, ready.contains(interest.raw) else { continue }
            let isOutput = numbers[index] != 0
            relays[index].advance(allowance: isOutput ? outputLimit - min(outputLimit, output) : .max)
            if relays[index].isFinished {
                // The other end must hear of it: the guest's read ends, or its write fails with EPIPE.
                release(isOutput ? relays[index].source : relays[index].target)
            }
        }
    }

    private func open(_ stream: StreamGrant, number: Int32) throws(CellError) {
        let streamName = GuestStreams.names[Int(number)]
        do throws(SystemError) {
            switch stream {
            case .closed:
                return
            case .null:
                cellEnds.append(try OwnedFileDescriptor(opening: "/dev/null", flags: O_RDWR).release())
            case .inherit:
                try relay(number: number, host: number)
            case .log:
                try relay(number: number, host: STDERR_FILENO, log: LogLines(origin: "\(name) \(streamName)"))
            case .file(let path):
                let flags = number == 0 ? O_RDONLY : O_WRONLY | O_APPEND | O_CREAT
                let file = try OwnedFileDescriptor(opening: path, flags: flags, mode: 0o600).release()
                owned.append(file)
                try relay(number: number, host: file)
            }
        } catch {
            throw .stream(streamName, error)
        }
    }

    private func relay(number: Int32, host: Int32, log: LogLines? = nil) throws(SystemError) {
        let pipe = try Pipe()
        let (readEnd, writeEnd) = pipe.release()
        let isInput = number == 0
        cellEnds.append(isInput ? readEnd : writeEnd)
        owned.append(isInput ? writeEnd : readEnd)
        // Nobody is left to read or write: the guest sees the end at once.
        relays.append(isInput ? StreamRelay(from: host, to: writeEnd) : StreamRelay(from: readEnd, to: host, as: log))
        numbers.append(Int(number))
    }

    private func release(_ raw: Int32) {
        guard let index = owned.firstIndex(of: raw) else { return }
        owned.remove(at: index)
        close(raw)
    }

    private func closeAll() {
        closeCellEnds()
        for raw in owned {
            close(raw)
        }
        owned = []
    }
}
