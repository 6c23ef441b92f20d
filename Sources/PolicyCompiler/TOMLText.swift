// Prints values as TOML.

package enum TOMLText {
    /// A basic string with its quotes.
    package static func string(_ text: String) -> String { quotedTOML(text) }

    package static func array(_ values: [String]) -> String {
        "[" + values.map(string).joined(separator: ", ") + "]"
    }
}
