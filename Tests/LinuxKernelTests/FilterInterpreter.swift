// Runs a classic BPF program as seccomp(2) does: over `struct seccomp_data`, in words.

import LinuxKernel

struct FilterInterpreter {
    enum Failure: Error {
        case badProgram(at: Int)
    }

    private struct Instruction {
        var code: UInt16
        var whenTrue: Int
        var whenFalse: Int
        var constant: UInt32
    }

    private let program: [Instruction]

    init(_ bytes: [UInt8]) {
        var program: [Instruction] = []
        for at in stride(from: 0, to: bytes.count - 7, by: 8) {
            let code = UInt16(bytes[at]) | UInt16(bytes[at + 1]) << 8
            var constant: UInt32 = 0
            for index in 0..<4 { constant |= UInt32(bytes[at + 4 + index]) << UInt32(8 * index) }
            program.append(
                Instruction(
                    code: code, whenTrue: Int(bytes[at + 2]), whenFalse: Int(bytes[at + 3]), constant: constant))
        }
        self.program = program
    }

    var count: Int { program.count }

    /// - Returns: SECCOMP_RET_* with its data, and how many instructions it took.
    func run(
        number: UInt32, architecture: UInt32, arguments: [UInt64]
    ) throws(Failure) -> (action: UInt32, steps: Int) {
        // nr, arch, instruction pointer, six arguments: sixteen words, low half first.
        var words: [UInt32] = [number, architecture, 0, 0]
        for argument in arguments {
            words += [UInt32(truncatingIfNeeded: argument), UInt32(truncatingIfNeeded: argument >> 32)]
        }
        var accumulator: UInt32 = 0
        var at = 0
        var steps = 0
        while program.indices.contains(at) {
            let instruction = program[at]
            let constant = instruction.constant
            steps += 1
            var isTrue = false
            switch instruction.code {
            case 0x20:  // LD W ABS
                guard constant % 4 == 0, words.indices.contains(Int(constant / 4)) else { throw .badProgram(at: at) }
                accumulator = words[Int(constant / 4)]
                at += 1
                continue
            case 0x54:  // AND K
                accumulator &= constant
                at += 1
                continue
            case 0x05:  // JA
                at += 1 + Int(constant)
                continue
            case 0x06:  // RET K
                return (constant, steps)
            case 0x15: isTrue = accumulator == constant
            case 0x25: isTrue = accumulator > constant
            case 0x35: isTrue = accumulator >= constant
            case 0x45: isTrue = accumulator & constant != 0
            default: throw .badProgram(at: at)
            }
            at += 1 + (isTrue ? instruction.whenTrue : instruction.whenFalse)
        }
        throw .badProgram(at: at)
    }
}
