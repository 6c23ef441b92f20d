// What a cell says, cut to size.

import CapabilityModel

extension Denial {
    /// As a log takes it: bounded text, whatever the cell sent.
    func bounded() -> Denial {
        var copy = self
        copy.call = String(call.prefix(96))
        copy.arguments = String(arguments.prefix(512))
        copy.key = PolicyKey(String(key.path.prefix(4200)))
        return copy
    }
}
