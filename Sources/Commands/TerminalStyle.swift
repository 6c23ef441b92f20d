// Colour on a terminal, none in a pipe; and text from elsewhere made harmless for either.

import CapabilityModel
import LinuxKernel

struct TerminalStyle {
    let isColoured: Bool

    /// Colour when the descriptor is a terminal and NO_COLOR (no-color.org) is not set.
    static func standard(_ descriptor: Int32) -> TerminalStyle {
        TerminalStyle(
            isColoured: Terminal.isTerminal(descriptor) && HostProcess.environment()["NO_COLOR"] == nil)
    }

    func bold(_ text: String) -> String { paint("1", text) }
    func dim(_ text: String) -> String { paint("2", text) }
    func red(_ text: String) -> String { paint("31", text) }
    func green(_ text: String) -> String { paint("32", text) }
    func yellow(_ text: String) -> String { paint("33", text) }

    private func paint(_ code: String, _ text: String) -> String {
        isColoured ? "\u{1b}[\(code)m\(text)\u{1b}[0m" : text
    }

    func escaped(_ text: String) -> String { EscapedText.forTerminal(text) }
}
