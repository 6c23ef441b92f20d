// Text, errors and backtraces as libwasmtime hands them out, read into Swift values and freed.

internal import CapabilityModel
internal import CWasmtime

enum LibraryText {
    /// Copies; malformed UTF-8 is replaced.
    static func string(_ vector: UnsafePointer<wasm_byte_vec_t>?) -> String {
        // SAFETY: a vector holds `size` bytes at `data`, or none.
        guard let vector = unsafe vector, unsafe vector.pointee.size > 0, let data = unsafe vector.pointee.data else {
            return ""
        }
        return unsafe String(decoding: UnsafeBufferPointer(start: data, count: vector.pointee.size), as: UTF8.self)
    }

    /// The message of an error that is then freed; a chain of causes is put on one line.
    static func takeMessage(_ error: OpaquePointer) -> String {
        // SAFETY: the caller owns `error` and gives it up; the vector is ours to free.
        var vector = unsafe wasm_byte_vec_t(size: 0, data: nil)
        unsafe wasmtime_error_message(error, &vector)
        unsafe wasmtime_error_delete(error)
        defer { unsafe wasm_byte_vec_delete(&vector) }
        return unsafe oneLine(string(&vector))
    }

    /// `a\n\nCaused by:\n    0: b\n    1: c` as `a: b: c`, or as `b: c` where `a` is a backtrace in words. Text without causes is left as it is: a caret under a line.
    private static func oneLine(_ text: String) -> String {
        var parts: [Substring] = []
        var hasCauses = false
        for line in text.split(separator: "\n") {
            if line == "Caused by:" {
                hasCauses = true
                if text.hasPrefix("error while executing") { parts = [] }
                continue
            }
            var part = line.drop { $0 == " " }
            let afterNumber = part.drop { $0.isNumber }
            if hasCauses, afterNumber.count < part.count, afterNumber.hasPrefix(": ") {
                part = afterNumber.dropFirst(2)
            }
            parts.append(part)
        }
        return hasCauses ? parts.joined(separator: ": ") : text
    }

    /// Offsets into the module are given less `codeShift`.
    static func backtrace(ofTrap trap: OpaquePointer, codeShift: Int) -> [WasmFrame] {
        // SAFETY: `trap` is live; the frames are read before it can go.
        var frames = unsafe wasm_frame_vec_t(size: 0, data: nil)
        unsafe wasm_trap_trace(trap, &frames)
        return unsafe take(&frames, codeShift)
    }

    static func backtrace(ofError error: OpaquePointer, codeShift: Int) -> [WasmFrame] {
        // SAFETY: as above.
        var frames = unsafe wasm_frame_vec_t(size: 0, data: nil)
        unsafe wasmtime_error_wasm_trace(error, &frames)
        return unsafe take(&frames, codeShift)
    }

    private static func take(_ frames: inout wasm_frame_vec_t, _ codeShift: Int) -> [WasmFrame] {
        // SAFETY: `size` live frames; their names are copied before the vector is freed.
        defer { unsafe wasm_frame_vec_delete(&frames) }
        var result: [WasmFrame] = []
        for index in unsafe 0..<min(frames.size, WasmTrap.maximumFrames) {
            guard let frame = unsafe frames.data[index] else { continue }
            let name = unsafe wasmtime_frame_func_name(frame)
            result.append(
                unsafe WasmFrame(
                    function: name == nil ? nil : string(name), functionIndex: wasm_frame_func_index(frame),
                    functionOffset: offset(wasm_frame_func_offset(frame)),
                    moduleOffset: offset(wasm_frame_module_offset(frame) - codeShift)))
        }
        return result
    }

    /// The library says SIZE_MAX, which Swift sees as -1, where it does not know; 0 then.
    private static func offset(_ value: Int) -> UInt64 {
        value < 0 ? 0 : UInt64(value)
    }
}
