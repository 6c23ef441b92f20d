// What can go wrong between a module's bytes and its native code.

package import LinuxKernel
package import MachineKey

package enum ModuleCacheError: Error, Hashable, Sendable, CustomStringConvertible {
    case unreadable(path: String, SystemError)
    case unwritable(path: String, SystemError)
    case tooLarge(path: String, limit: UInt64)
    case key(MachineKeyError)
    /// The compiler says that the module is not valid; the text may quote the module.
    case invalidModule(String)
    case compilerMissing(path: String, SystemError)
    /// It crashed, ran out of a limit, or was killed: nothing was cached.
    case compilerEnded(signal: Int32, hint: String)
    case compilerExceeded(what: String, limit: String)
    /// It ended by itself, but not as it should.
    case compilerMisbehaved(String)
    /// Native code that this machine's key does not vouch for.
    case untrusted(path: String, why: String)
    case system(SystemError)

    package var description: String {
        switch self {
        case .unreadable(let path, let error): return "cannot read \(path): \(error)"
        case .unwritable(let path, let error): return "cannot write \(path): \(error)"
        case .tooLarge(let path, let limit): return "\(path) is larger than \(limit >> 20) MiB"
        case .key(let error): return "\(error)"
        case .invalidModule(let message): return "the module cannot be compiled: \(message)"
        case .compilerMissing(let path, let error): return "cannot start the compiler \(path): \(error)"
        case .compilerEnded(let signal, let hint):
            return "compiler ended by signal \(signal) (\(Signal.name(signal)))\(hint.isEmpty ? "" : ": \(hint)"); "
                + "nothing was cached"
        case .compilerExceeded(let what, let limit): return "compiler ended: it exceeded its \(what) of \(limit)"
        case .compilerMisbehaved(let what): return "compiler failed: \(what)"
        case .untrusted(let path, let why):
            return
                "\(path): pre-compiled code is run only if this machine's key vouches for it, and \(why); compile it here "
                + "with `bulkhead compile`"
        case .system(let error): return "module cache: \(error)"
        }
    }
}
