// What hosted children print: frames from one socket, judged, counted against each child's limit, and passed on.

import CapabilityModel
import CellProtocol
import Glibc
import LinuxKernel

/// Belongs to the thread that runs the cell.
final class HostedOutputs {
    enum Finding {
        case event(HostedEvent)
        /// A child's limit of output is used up, for the first time.
        case limit(UInt64, used: UInt64, allowed: UInt64)
        /// The cell breaks the protocol.
        case distrust(String)
    }

    private struct Meter {
        let allowed: UInt64
        var used: UInt64 = 0
    }

    /// Children that have ended and whose descendants may print still. What comes of others is lost.
    private static let remembered = 4096
    /// More than the socket's buffer holds, however small they are.
    private static let batch = 512

    /// What the cell's standard streams are.
    let kinds: [CellPlan.Stream]
    /// The cell's ends, in the plan's order; closed here once it has them.
    private(set) var cellEnds: [Int32] = []
    private let socket: ControlSocket?
    /// By stream, where the policy names a file.
    private var files: [Int: OwnedFile] = [:]
    private(set) var isOpen: Bool
    private var meters: [UInt64: Meter] = [:]
    private var ended: ArraySlice<UInt64> = []
    private var highest: UInt64 = 0
    private var buffer = [UInt8](repeating: 0, count: OutputFrame.sizeLimit + 1)

    private final class OwnedFile {
        let descriptor: OwnedFileDescriptor

        init(_ descriptor: consuming OwnedFileDescriptor) {
            self.descriptor = descriptor
        }
    }

    /// Standard input is empty, whatever the policy says: it cannot be many children's.
    init(_ grant: StdioGrant) throws(CellError) {
        let grants = [grant.stdin, grant.stdout, grant.stderr]
        kinds = grants.enumerated().map { index, grant in
            switch grant {
            case .closed: .closed
            case .null: .plain
            case .inherit, .log, .file: index == 0 ? .plain : .captured
            }
        }
        isOpen = kinds.contains(.captured)
        do throws(SystemError) {
            for kind in kinds where kind == .plain {
                cellEnds.append(try OwnedFileDescriptor(opening: "/dev/null", flags: O_RDWR).release())
            }
            for index in 1...2 {
                guard case .file(let path) = grants[index] else { continue }
                files[index] = OwnedFile(
                    try OwnedFileDescriptor(opening: path, flags: O_WRONLY | O_APPEND | O_CREAT, mode: 0o600))
            }
            guard isOpen else {
                socket = nil
                return
            }
            let (ours, theirs) = try UnixSocketPair().release()
            socket = ControlSocket(MessageSocket(OwnedFileDescriptor(taking: ours)))
            cellEnds.append(theirs)
        } catch {
            for raw in cellEnds { Glibc.close(raw) }
            throw .stream("the children's standard streams", error)
        }
    }

    deinit {
        closeCellEnds()
    }

    /// The cell holds its ends now, or never will.
    func closeCellEnds() {
        for raw in cellEnds { Glibc.close(raw) }
        cellEnds = []
    }

    /// Readable when children have printed; nil where nothing is captured.
    var raw: Int32? { socket?.socket.descriptor.rawValue }

    /// A child may print from now on, and `allowed` bytes of it are passed on.
    func open(_ number: UInt64, allowed: UInt64) {
        highest = number
        meters[number] = Meter(allowed: allowed)
    }

    /// The child has ended; descendants that are not linked to it may go on.
    func close(_ number: UInt64) {
        guard meters[number] != nil else { return }
        ended.append(number)
        if ended.count > HostedOutputs.remembered, let oldest = ended.popFirst() { meters[oldest] = nil }
    }

    /// All that has arrived, up to a bound.
    func take() -> [Finding] {
        var findings: [Finding] = []
        for _ in 0..<HostedOutputs.batch where isOpen {
            guard let packet = receive(&findings) else { break }
            judge(packet, &findings)
        }
        return findings
    }

    /// nil when there is none, or none will come.
    private func receive(_ findings: inout [Finding]) -> ArraySlice<UInt8>? {
        guard let socket else { return nil }
        do throws(SystemError) {
            var span = buffer.mutableSpan
            guard let message = try socket.socket.receive(into: &span, maximumDescriptors: 0, wait: false) else {
                return nil
            }
            let (count, isTruncated) = (message.count, message.isTruncated)
            if count == 0 {
                isOpen = false
                return nil
            }
            if !isTruncated { return buffer[..<count] }
            findings.append(.distrust("sent more in a frame than a frame holds"))
        } catch {
            findings.append(.distrust("sent descriptors, or its output failed: \(error)"))
        }
        isOpen = false
        return nil
    }

    private func judge(_ packet: ArraySlice<UInt8>, _ findings: inout [Finding]) {
        guard let frame = try? OutputFrame(packet: packet), frame.order <= highest else {
            isOpen = false
            return findings.append(.distrust("sent a frame of output that is none"))
        }
        guard var meter = meters[frame.order] else {
            return findings.append(.event(.outputLost(nil, bytes: frame.length)))
        }
        let left = Int(clamping: meter.allowed - min(meter.used, meter.allowed))
        let wasWithin = meter.used <= meter.allowed
        meter.used = meter.used.addingClamped(UInt64(frame.length))
        meters[frame.order] = meter
        let passed = min(left, frame.length)
        if passed > 0 {
            let bytes = packet[(packet.startIndex + OutputFrame.headerSize)...].prefix(passed)
            pass(bytes, frame, &findings)
        }
        if passed < frame.length {
            findings.append(.event(.outputLost(frame.order, bytes: frame.length - passed)))
        }
        if wasWithin, meter.used > meter.allowed {
            findings.append(.limit(frame.order, used: meter.used, allowed: meter.allowed))
        }
    }

    private func pass(_ bytes: ArraySlice<UInt8>, _ frame: OutputFrame, _ findings: inout [Finding]) {
        guard let file = files[Int(frame.stream)] else {
            let output = HostedOutput(
                number: frame.order, process: frame.process, stream: frame.stream, bytes: Array(bytes))
            return findings.append(.event(.output(output)))
        }
        do throws(SystemError) {
            try Descriptor.writeAll(file.descriptor.rawValue, Array(bytes).span)
        } catch {
            findings.append(.event(.outputLost(frame.order, bytes: bytes.count)))
        }
    }
}
