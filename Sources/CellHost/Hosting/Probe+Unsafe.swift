// A call as the SDKs make it, from a process of the host's own.

import ProcessRuntime

extension Process {
    /// Sends a request with the alias for its answer as the only handle.
    /// - Returns: false where the process is gone or has no room for it.
    func call(_ target: ProcessID, tag: UInt64, _ payload: [UInt8], answerTo alias: AliasID) -> Bool {
        let result = unsafe payload.withUnsafeBytes { bytes in
            // SAFETY: the bytes are copied before this returns.
            unsafe send(.process(target), tag: tag, data: bytes, attachments: [.alias(alias, id)])
        }
        return result == .sent
    }
}
