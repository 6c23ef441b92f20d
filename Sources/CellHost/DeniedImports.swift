// What a guest finds where a function was not granted: a call that tells the audit log and answers by the policy's mode.

import CapabilityModel
import WASIPreview1
import WasmEngine

enum DeniedImports {
    /// Where a function's path lies: the parameters that hold its pointer and its length.
    private static let texts: [String: (pointer: Int, length: Int)] = [
        "path_create_directory": (1, 2), "path_filestat_get": (2, 3),
        "path_filestat_set_times": (2, 3), "path_link": (2, 3), "path_open": (2, 3),
        "path_readlink": (1, 2), "path_remove_directory": (1, 2), "path_rename": (1, 2),
        "path_symlink": (3, 4), "path_unlink_file": (1, 2),
    ]

    /// Answers one denied call.
    static func answer(_ name: ImportName, key: PolicyKey, context: GuestContext, call: borrowing HostCall)
        -> HostOutcome
    {
        let traps = context.grant.authority.onDenied == .trap
        let errno = Errno.notcapable.rawValue
        context.report(
            Denial(
                call: "\(name)", arguments: describe(name, context: context, call: call), layer: .importTable, key: key,
                errno: traps ? nil : errno))
        guard !traps else { return .trap("\(name) is denied by \(key)") }
        call.setResult(0, i32: UInt32(errno))
        return .done
    }

    private static func describe(_ name: ImportName, context: GuestContext, call: borrowing HostCall) -> String {
        let memory = guestMemory(of: call)
        if name.module == BulkheadFunction.module { return describeOwn(name.name, memory, call) }
        if name.name == "clock_time_get" || name.name == "clock_res_get" {
            return "id=\(call.i32(0))"
        }
        guard let text = texts[name.name] else { return "" }
        guard
            let path = memory.text(
                at: call.i32(text.pointer), count: call.i32(text.length), limit: DenialArgument.limit)
        else {
            return ""
        }
        // Without any grant the only directory a guest holds is the absent root.
        let slash = path.hasPrefix("/") ? "" : "/"
        return DenialArgument.quoted("path", slash + path)
    }

    private static func describeOwn(_ name: String, _ memory: GuestMemory, _ call: borrowing HostCall) -> String {
        func text(_ pointer: Int = 0) -> String {
            memory.text(at: call.i32(pointer), count: call.i32(pointer + 1), limit: DenialArgument.limit) ?? "?"
        }
        switch name {
        case "tcp_connect", "tcp_listen": return DenialArgument.quoted("target", "tcp://\(text()):\(call.i32(2))")
        case "udp_connect", "udp_bind": return DenialArgument.quoted("target", "udp://\(text()):\(call.i32(2))")
        case "udp_send": return DenialArgument.quoted("target", "udp://\(text(1)):\(call.i32(3))")
        case "unix_connect", "unix_listen": return DenialArgument.quoted("target", "unix://\(text())")
        case "resolve", "register", "unregister", "whereis": return DenialArgument.quoted("name", text())
        default: return ""
        }
    }
}
