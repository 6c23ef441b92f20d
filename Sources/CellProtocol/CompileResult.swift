// What bulkhead-compiler answers, and the encoding of a module's summary.

package import CapabilityModel

package enum CompileResult: Hashable, Sendable {
    case success(ModuleSummary)
    /// The module is not valid, or uses what the profile does not offer. The text may quote the module.
    case failure(String)
}

extension CompileResult: WireCodable {
    package func encode(into writer: inout WireWriter) {
        switch self {
        case .success(let summary):
            writer.write(UInt8(0))
            writer.write(summary)
        case .failure(let message):
            writer.write(UInt8(1))
            writer.write(message)
        }
    }

    package init(from reader: inout WireReader) throws(WireError) {
        switch try reader.read(UInt8.self) {
        case 0: self = .success(try reader.readValue())
        case 1: self = .failure(try reader.readString())
        default: throw .invalid("compile result")
        }
    }
}

extension ImportName: WireCodable {
    package func encode(into writer: inout WireWriter) {
        writer.write(module)
        writer.write(name)
    }

    package init(from reader: inout WireReader) throws(WireError) {
        let module = try reader.readString()
        self.init(module, try reader.readString())
    }
}

extension ExecutionProfile: WireCodable {
    package func encode(into writer: inout WireWriter) {
        writer.write(self == .heavy)
    }

    package init(from reader: inout WireReader) throws(WireError) {
        self = try reader.readBool() ? .heavy : .dense
    }
}

extension ModuleSummary: WireCodable {
    package func encode(into writer: inout WireWriter) {
        writer.write(list: imports) { writer, item in
            writer.write(item.name)
            writer.write(item.type)
        }
        writer.write(list: exports) { writer, item in
            writer.write(item.name)
            writer.write(item.type)
        }
        writer.write(memoryMinimum)
        writer.write(optional: memoryMaximum) { $0.write($1) }
        writer.write(profile)
        writer.write(optional: unrestorable) { $0.write($1) }
    }

    package init(from reader: inout WireReader) throws(WireError) {
        let imports = try reader.readList { reader throws(WireError) in
            Import(name: try reader.readValue(), type: try reader.readString())
        }
        let exports = try reader.readList { reader throws(WireError) in
            Export(name: try reader.readString(), type: try reader.readString())
        }
        let minimum = try reader.read(UInt64.self)
        let maximum = try reader.readOptional { reader throws(WireError) in try reader.read(UInt64.self) }
        self.init(
            imports: imports, exports: exports, memoryMinimum: minimum, memoryMaximum: maximum,
            profile: try reader.readValue(),
            unrestorable: try reader.readOptional { reader throws(WireError) in try reader.readString() })
    }
}
