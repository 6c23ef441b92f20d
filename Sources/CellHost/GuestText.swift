// Text out of a guest's memory.

import WASIPreview1

extension GuestMemory {
    /// The first `limit` bytes of the text at `pointer`, repaired where it is not UTF-8; nil when it is not all inside.
    func text(at pointer: UInt32, count: UInt32, limit: Int) -> String? {
        guard (try? area(at: pointer, count: count)) != nil,
            let area = try? area(at: pointer, count: min(Int(count), limit))
        else { return nil }
        return String(decoding: bytes(in: area), as: UTF8.self)
    }
}
