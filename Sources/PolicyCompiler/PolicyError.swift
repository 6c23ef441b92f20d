// What is wrong with a policy: where, what, and what to write instead.

package import CapabilityModel

/// One mistake. `description` is what people read.
package struct PolicyError: Error, Hashable, Sendable {
    /// The file, line and column where it stands, and the key path.
    package var origin: PolicyOrigin
    /// What is wrong, without a full stop.
    package var message: String
    /// The nearest valid key or value.
    package var suggestion: String?
    /// What to write instead.
    package var advice: String?
    /// A second place that matters: the first of two duplicates, the grant that a child widens.
    package var related: [Related]

    package struct Related: Hashable, Sendable {
        package var origin: PolicyOrigin
        package var note: String

        package init(origin: PolicyOrigin, note: String) {
            self.origin = origin
            self.note = note
        }
    }

    package init(
        at origin: PolicyOrigin, _ message: String, suggestion: String? = nil, advice: String? = nil,
        related: [Related] = []
    ) {
        self.origin = origin
        self.message = message
        self.suggestion = suggestion
        self.advice = advice
        self.related = related
    }
}

extension PolicyOrigin {
    /// `file:line:column`, or the file alone where the place is not known.
    package var place: String { line == 0 ? file : "\(file):\(line):\(column)" }
}

extension PolicyError: CustomStringConvertible {
    package var description: String {
        var text = "\(origin.place): error: "
        if !origin.keyPath.isEmpty { text += "\(origin.keyPath): " }
        text += message
        if let suggestion { text += "\n  did you mean `\(suggestion)`?" }
        if let advice { text += "\n  \(advice)" }
        for place in related { text += "\n  \(place.origin.place): \(place.note)" }
        return text
    }
}

/// Everything that is wrong, in the order of the text. Never empty.
package struct PolicyErrors: Error, Hashable, Sendable, CustomStringConvertible {
    package var errors: [PolicyError]

    package init(_ errors: [PolicyError]) {
        self.errors = errors.sorted {
            ($0.origin.file, $0.origin.line, $0.origin.column, $0.message)
                < ($1.origin.file, $1.origin.line, $1.origin.column, $1.message)
        }
    }

    package var description: String { errors.map(\.description).joined(separator: "\n") }
}

extension PolicyErrors {
    package var json: JSONValue {
        .object([
            "errors": .array(
                errors.map { error in
                    .object([
                        "file": .string(error.origin.file), "line": .integer(UInt64(error.origin.line)),
                        "column": .integer(UInt64(error.origin.column)), "key": .string(error.origin.keyPath),
                        "message": .string(error.message), "suggestion": error.suggestion.map { .string($0) },
                        "advice": error.advice.map { .string($0) },
                        "related": .array(
                            error.related.map {
                                .object([
                                    "file": .string($0.origin.file), "line": .integer(UInt64($0.origin.line)),
                                    "column": .integer(UInt64($0.origin.column)), "note": .string($0.note),
                                ])
                            }),
                    ])
                })
        ])
    }
}
