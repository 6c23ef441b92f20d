// The files that processes start with: standard streams, mounted directories, listeners. Opened once for all of them.

import CapabilityModel
import CellProtocol
import LinuxKernel
import ProcessRuntime
import Synchronization
import WASIPreview1

final class ProgramFiles: Sendable {
    /// The plan's descriptors, in its order.
    struct Descriptors {
        var streams: [Int32]
        /// The socket of captured streams.
        var output: Int32?
        var mounts: [Int32]
        var listeners: [Int32]
        var places: [Int32]
    }

    private struct Stream {
        let index: Int
        let isTerminal: Bool
        let file: OpenFile
    }

    private struct Directory {
        let guestPath: String
        let hostPath: String
        let file: OpenFile
    }

    private let streams: [Stream]
    /// Indices of captured streams, and where they go.
    private let captured: (indices: [Int], file: OpenFile)?
    private let directories: [Directory]
    private let absentRoot: OpenFile
    private let host: WASIHost
    /// The first process's, with the listeners that it alone starts with.
    let root: WASITemplate
    private let templates = Mutex<[Key: WASITemplate]>([:])

    private struct Key: Hashable {
        let authority: Narrowing
        let descriptors: UInt32
    }

    /// Narrowings and limits can be combined without end; past these many, templates are not kept.
    private static let templateLimit = 512

    init(
        _ plan: CellPlan, _ descriptors: Descriptors, authority: Authority, host: WASIHost
    ) throws(SystemError) {
        func open(_ raw: Int32) -> OpenFile { OpenFile(OwnedFileDescriptor(taking: raw), reactor: host.reactor) }
        let captured = descriptors.output.map { raw in
            (indices: plan.streams.indices.filter { plan.streams[$0] == .captured }, file: open(raw))
        }
        let own = plan.streams.enumerated().filter { $0.element == .plain || $0.element == .terminal }
        let streams = zip(own, descriptors.streams)
            .map { Stream(index: $0.offset, isTerminal: $0.element == .terminal, file: open($1)) }
        let directories =
            zip(plan.mounts, descriptors.mounts)
            .map { Directory(guestPath: $0.guestPath, hostPath: $0.hostPath, file: open($1)) }
            + zip(plan.places, descriptors.places)
            .map { Directory(guestPath: $0.guestPath, hostPath: $0.hostPath, file: open($1)) }
        absentRoot = OpenFile(try OwnedFileDescriptor(memoryNamed: "absent-root"), reactor: nil)
        self.streams = streams
        self.captured = captured
        self.directories = directories
        self.host = host
        root = try ProgramFiles.make(
            authority, plan.limits, streams, captured, directories, listeners: descriptors.listeners.map(open),
            absentRoot: absentRoot, host: host, within: nil)
    }

    /// What a supervised child with this grant starts with, if it is handed listeners: those of the list, which is empty
    /// afterwards. Others hold their open file descriptions too.
    /// - Throws: what fstat(2) and fcntl(2) say; `ENOTSOCK`; `EMFILE` past the descriptor limit.
    func template(for grant: Grant, listeners list: inout DescriptorList) throws(SystemError) -> WASITemplate {
        var listeners: [OpenFile] = []
        while let next = list.takeFirst() {
            listeners.append(OpenFile(next, isShared: true, reactor: host.reactor))
        }
        return try ProgramFiles.make(
            grant.authority, grant.limits, streams, captured, directories, listeners: listeners,
            absentRoot: absentRoot, host: host, within: root)
    }

    /// What a child with this grant starts with: the streams and directories that its authority covers.
    /// - Throws: what fstat(2) says.
    func template(for grant: Grant) throws(SystemError) -> WASITemplate {
        let key = Key(authority: grant.authority.narrowing, descriptors: grant.limits.fds)
        if let found = templates.withLock({ $0[key] }) { return found }
        let made = try ProgramFiles.make(
            grant.authority, grant.limits, streams, captured, directories, listeners: [], absentRoot: absentRoot,
            host: host, within: root)
        return templates.withLock { templates in
            if let first = templates[key] { return first }
            if templates.count < ProgramFiles.templateLimit { templates[key] = made }
            return made
        }
    }

    private static func make(
        _ authority: Authority, _ limits: Limits, _ streams: [Stream], _ captured: (indices: [Int], file: OpenFile)?,
        _ directories: [Directory],
        listeners: [OpenFile], absentRoot: OpenFile, host: WASIHost, within parent: WASITemplate?
    ) throws(SystemError) -> WASITemplate {
        let capabilities = authority.capabilities
        var configuration = WASITemplate.Configuration(
            clocks: capabilities.clocks, random: capabilities.random, limits: limits, onDenied: authority.onDenied)
        configuration.arguments = authority.arguments
        configuration.environment = authority.environment
        configuration.connect = capabilities.connect
        configuration.listen = capabilities.listen
        configuration.stdio = capabilities.stdio
        var files = WASITemplate.Files(limit: limits.fds, host: host)
        let grants = [capabilities.stdio.stdin, capabilities.stdio.stdout, capabilities.stdio.stderr]
        for stream in streams where grants[stream.index] != .closed {
            try files.setStandardStream(
                stream.index, stream.file,
                WASITemplate.StreamOptions(isTerminal: stream.isTerminal, isOwned: true))
        }
        if let captured {
            for index in captured.indices where grants[index] != .closed {
                try files.setCapturedStream(index, captured.file)
            }
        }
        for mount in capabilities.mounts {
            let place = directories.first { $0.guestPath == mount.guestPath && $0.hostPath == mount.hostPath }
            guard let place else { throw SystemError("mount", errno: 2) }
            try files.addMount(mount, directory: place.file, within: parent)
        }
        for listener in listeners { try files.addListener(listener, rules: capabilities.listen) }
        // Last, because guests count on their listeners to follow the mounts: the first at 3 where nothing is mounted.
        // Not before a listener, whose number is counted from the mounts; and after one, wasi-libc would not find it.
        if listeners.isEmpty, !capabilities.mounts.contains(where: { $0.guestPath == "/" }) {
            try files.addAbsentRoot(standIn: absentRoot)
        }
        return WASITemplate(configuration, files)
    }
}
