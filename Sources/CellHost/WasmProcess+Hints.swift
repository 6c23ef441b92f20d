// What a waiting process tells the runtime, so that it is in the cache when the process runs on.

import ProcessRuntime
import WasmEngine

extension WasmProcess {
    /// Tells the runtime what running on will read.
    func noteHot(_ key: UInt) {
        hotKey = key
        guard let ranges = store?.hotRanges else { return }
        var hints = InlineArray<8, MemoryHint>(repeating: MemoryHint(0, bytes: 0))
        hints[0] = context.hint
        var count = 1
        for index in ranges.indices where ranges[index].bytes > 0 {
            hints[count] = MemoryHint(ranges[index].start, bytes: ranges[index].bytes)
            count += 1
        }
        context.process.expect(hints.span)
    }
}
