// Capability sets as they cross into a cell, which narrows them for the children that its processes spawn.

package import CapabilityModel

extension CapabilitySet: WireCodable {
    package func encode(into writer: inout WireWriter) {
        writer.write(list: mounts) { $0.write($1) }
        writer.write(list: connect) { $0.write($1) }
        writer.write(list: listen) { $0.write($1) }
        writer.write(list: resolve) { $0.write($1) }
        writer.write(environment)
        writer.write(arguments)
        writer.write(stdio.stdin)
        writer.write(stdio.stdout)
        writer.write(stdio.stderr)
        writer.write(clocks)
        writer.write(random)
        writer.write(process)
        writer.write(limits)
    }

    package init(from reader: inout WireReader) throws(WireError) {
        self.init(
            mounts: try reader.readList { reader throws(WireError) in try reader.readValue() },
            connect: try reader.readList { reader throws(WireError) in try reader.readValue() },
            listen: try reader.readList { reader throws(WireError) in try reader.readValue() },
            resolve: try reader.readList { reader throws(WireError) in try reader.readValue() },
            environment: try reader.readValue(), arguments: try reader.readBool(),
            stdio: StdioGrant(
                stdin: try reader.readValue(), stdout: try reader.readValue(), stderr: try reader.readValue()),
            clocks: try reader.readValue(), random: try reader.readBool(), process: try reader.readValue(),
            limits: try reader.readValue())
    }
}

extension WireWriter {
    /// Sorted, so that equal sets have one encoding.
    mutating func write(names: Set<String>) {
        write(list: names.sorted()) { $0.write($1) }
    }
}

extension WireReader {
    mutating func readNames() throws(WireError) -> Set<String> {
        let list = try readList { reader throws(WireError) in try reader.readString() }
        let names = Set(list)
        guard names.count == list.count else { throw .invalid("name twice") }
        return names
    }
}

extension Limits: WireCodable {
    package func encode(into writer: inout WireWriter) {
        writer.write(memory)
        writer.write(tableElements)
        writer.write(optional: cpu) { $0.write($1) }
        writer.write(cpuShare)
        writer.write(optional: wall) { $0.write($1) }
        writer.write(fds)
        writer.write(output)
        writer.write(stack)
        writer.write(mailboxMessages)
        writer.write(mailboxBytes)
        writer.write(processes)
    }

    package init(from reader: inout WireReader) throws(WireError) {
        let memory = try reader.read(UInt64.self)
        let tableElements = try reader.read(UInt64.self)
        let cpu = try reader.readOptional { reader throws(WireError) in try reader.read(UInt64.self) }
        let cpuShare = try reader.read(UInt32.self)
        let wall = try reader.readOptional { reader throws(WireError) in try reader.read(UInt64.self) }
        self.init(
            memory: memory, tableElements: tableElements, cpu: cpu, cpuShare: cpuShare, wall: wall,
            fds: try reader.read(), output: try reader.read(), stack: try reader.read(),
            mailboxMessages: try reader.read(), mailboxBytes: try reader.read(),
            processes: try reader.read())
    }
}

extension ClockGrant: WireCodable {
    package func encode(into writer: inout WireWriter) {
        writer.write(optional: realtime) { $0.write($1) }
        writer.write(optional: monotonic) { $0.write($1) }
        writer.write(optional: cpuTime) { $0.write($1) }
    }

    package init(from reader: inout WireReader) throws(WireError) {
        self.init(
            realtime: try reader.readOptional { reader throws(WireError) in try reader.read(UInt64.self) },
            monotonic: try reader.readOptional { reader throws(WireError) in try reader.read(UInt64.self) },
            cpuTime: try reader.readOptional { reader throws(WireError) in try reader.read(UInt64.self) })
    }
}

extension MountGrant: WireCodable {
    package func encode(into writer: inout WireWriter) {
        writer.write(guestPath)
        writer.write(hostPath)
        writer.write(rights.rawValue)
        writer.write(symlinks.rawValue)
        writer.write(optional: quotaBytes) { $0.write($1) }
        writer.write(optional: quotaFiles) { $0.write($1) }
    }

    package init(from reader: inout WireReader) throws(WireError) {
        let guestPath = try reader.readString()
        let hostPath = try reader.readString()
        let rights = FileRights(rawValue: try reader.read())
        guard let symlinks = SymlinkPolicy(rawValue: try reader.read()) else { throw .invalid("symlink policy") }
        self.init(
            guestPath: guestPath, hostPath: hostPath, rights: rights, symlinks: symlinks,
            quotaBytes: try reader.readOptional { reader throws(WireError) in try reader.read(UInt64.self) },
            quotaFiles: try reader.readOptional { reader throws(WireError) in try reader.read(UInt64.self) })
    }
}

extension ProcessGrant: WireCodable {
    package func encode(into writer: inout WireWriter) {
        writer.write(names: policies)
        writer.write(names: register)
        writer.write(names: lookup)
    }

    package init(from reader: inout WireReader) throws(WireError) {
        self.init(
            policies: try reader.readNames(), register: try reader.readNames(),
            lookup: try reader.readNames())
    }
}

extension EnvironmentGrant: WireCodable {
    package func encode(into writer: inout WireWriter) {
        writer.write(names: allow)
        writer.write(list: set.sorted { $0.key < $1.key }) { writer, entry in
            writer.write(entry.key)
            writer.write(entry.value.value)
            writer.write(entry.value.isSecret)
        }
        writer.write(names: except)
    }

    package init(from reader: inout WireReader) throws(WireError) {
        let allow = try reader.readNames()
        let list = try reader.readList { reader throws(WireError) in
            let name = try reader.readString()
            let value = try reader.readString()
            return (name, EnvironmentValue(value: value, isSecret: try reader.readBool()))
        }
        var values: [String: EnvironmentValue] = [:]
        for (name, value) in list {
            guard values.updateValue(value, forKey: name) == nil else { throw .invalid("variable twice") }
        }
        self.init(allow: allow, set: values, except: try reader.readNames())
    }
}

extension StreamGrant: WireCodable {
    package func encode(into writer: inout WireWriter) {
        switch self {
        case .closed: writer.write(UInt8(0))
        case .null: writer.write(UInt8(1))
        case .inherit: writer.write(UInt8(2))
        case .log: writer.write(UInt8(3))
        case .file(let path):
            writer.write(UInt8(4))
            writer.write(path)
        }
    }

    package init(from reader: inout WireReader) throws(WireError) {
        switch try reader.read(UInt8.self) {
        case 0: self = .closed
        case 1: self = .null
        case 2: self = .inherit
        case 3: self = .log
        case 4: self = .file(try reader.readString())
        default: throw .invalid("stream")
        }
    }
}

extension Transport: WireCodable {
    package func encode(into writer: inout WireWriter) {
        switch self {
        case .tcp: writer.write(UInt8(0))
        case .udp: writer.write(UInt8(1))
        case .unix: writer.write(UInt8(2))
        }
    }

    package init(from reader: inout WireReader) throws(WireError) {
        switch try reader.read(UInt8.self) {
        case 0: self = .tcp
        case 1: self = .udp
        case 2: self = .unix
        default: throw .invalid("transport")
        }
    }
}

extension NetworkGrant: WireCodable {
    package func encode(into writer: inout WireWriter) {
        writer.write(transport)
        writer.write(host)
        writer.write(ports.lowerBound)
        writer.write(ports.upperBound)
    }

    package init(from reader: inout WireReader) throws(WireError) {
        let transport: Transport = try reader.readValue()
        let host: HostPattern = try reader.readValue()
        let first = try reader.read(UInt16.self)
        let last = try reader.read(UInt16.self)
        guard first <= last else { throw .invalid("ports") }
        self.init(transport: transport, host: host, ports: first...last)
    }
}

extension HostPattern: WireCodable {
    package func encode(into writer: inout WireWriter) {
        switch self {
        case .anyPublic: writer.write(UInt8(0))
        case .name(let name):
            writer.write(UInt8(1))
            writer.write(name)
        case .subdomains(let suffix):
            writer.write(UInt8(2))
            writer.write(suffix)
        case .cidr(let address, let prefix):
            writer.write(UInt8(3))
            writer.write(address)
            writer.write(UInt8(clamping: prefix))
        case .path(let path):
            writer.write(UInt8(4))
            writer.write(path)
        }
    }

    package init(from reader: inout WireReader) throws(WireError) {
        switch try reader.read(UInt8.self) {
        case 0: self = .anyPublic
        case 1: self = .name(try reader.readString())
        case 2: self = .subdomains(of: try reader.readString())
        case 3:
            let address = try reader.readBytes()
            let prefix = Int(try reader.read(UInt8.self))
            // Code that compares addresses counts on these, and on zero bits behind the prefix.
            guard address.count == 4 || address.count == 16, prefix <= address.count * 8 else {
                throw .invalid("address range")
            }
            guard case let range = AddressRange(address: address, prefix: prefix), range.address == address else {
                throw .invalid("address range")
            }
            self = .cidr(address: address, prefix: prefix)
        case 4: self = .path(try reader.readString())
        default: throw .invalid("host")
        }
    }
}
