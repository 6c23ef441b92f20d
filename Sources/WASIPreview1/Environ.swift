// environ_*: the environment, `NAME=value`.

extension WASIProcess {
    /// `environ_sizes_get`: how many variables, and how many bytes they take with their NULs.
    /// - Throws: `fault`.
    package func environSizesGet(count: UInt32, size: UInt32, _ memory: GuestMemory) throws(CallFailure) {
        try WASIProcess.sizes(of: template.environment, count, size, memory)
    }

    /// `environ_get`: pointers to `environ`, the strings to `buffer`.
    /// - Throws: `fault`.
    package func environGet(environ: UInt32, buffer: UInt32, _ memory: GuestMemory) throws(CallFailure) {
        try WASIProcess.strings(of: template.environment, environ, buffer, memory)
    }
}
