// JSON Schema of the file format, from the table that the reader uses.

extension PolicySchema {
    /// Draft 2020-12; editors that know TOML read it for completion and checks.
    package static var json: JSONValue { json(title: "Bulkhead policy", root) }

    /// The same of any table of keys.
    package static func json(title: String, _ root: [KeySpec]) -> JSONValue {
        var members: [JSONValue.Member] = [
            JSONValue.Member(name: "$schema", value: .string("https://json-schema.org/draft/2020-12/schema")),
            JSONValue.Member(name: "title", value: .string(title)),
        ]
        if case .object(let rest) = table(root) { members += rest }
        return .object(members)
    }

    private static func table(_ specs: [KeySpec]) -> JSONValue {
        let properties = specs.map { spec -> JSONValue.Member in
            var members: [JSONValue.Member] = []
            if case .object(let own) = schema(of: spec.kind) { members = own }
            members.append(JSONValue.Member(name: "description", value: .string(spec.documentation)))
            return JSONValue.Member(name: spec.name, value: .object(members))
        }
        let required = specs.filter(\.isRequired).map(\.name)
        return .object([
            "type": .string("object"), "properties": .object(properties),
            "required": required.isEmpty ? nil : .strings(required), "additionalProperties": .boolean(false),
        ])
    }

    private static func schema(of kind: KeyKind) -> JSONValue {
        switch kind {
        case .text, .hostPath, .policyReference: text(nil)
        case .boolean: .object(["type": .string("boolean")])
        case .integer(let range):
            .object([
                "type": .string("integer"), "minimum": .integer(range.lowerBound),
                "maximum": .integer(range.upperBound),
            ])
        case .size(let range):
            .object([
                "oneOf": .array([schema(of: .integer(range)), text("^[0-9][0-9_]* ?(B|KiB|MiB|GiB|TiB)?$")])
            ])
        case .duration(let allowsUnlimited):
            text("^([0-9][0-9_]* ?(ns|us|ms|s|m|h|d)\(allowsUnlimited ? "|unlimited" : ""))$")
        case .durationOrNever: text("^([0-9][0-9_]* ?(ns|us|ms|s|m|h|d)|never)$")
        // Every range of percentages so far is the whole one, with or without nothing.
        case .percent(let range): text("^(\(range.contains(0) ? "0|" : "")[1-9][0-9]?|100) ?%$")
        case .clock: .object(["oneOf": .array([schema(of: .boolean), schema(of: .duration(allowsUnlimited: false))])])
        case .choice(let names): .object(["enum": .strings(names)])
        case .access:
            .object([
                "oneOf": .array([
                    .object(["enum": .strings(accessNames)]),
                    .object([
                        "type": .string("array"), "items": .object(["enum": .strings(rights)]), "minItems": .integer(1),
                    ]),
                ])
            ])
        case .guestPath: text("^/")
        case .endpoint: text("^((tcp|udp)://.+:([0-9]+(-[0-9]+)?|\\*)|unix:///.*)$")
        case .hostName: text("^(\\*|(\\*\\.)?[A-Za-z0-9_.-]+)$")
        case .namePattern: text("^[!-)+-<>-~]*[!-<>-~]$")
        case .digest: text("^[0-9A-Fa-f]{64}$")
        case .stream:
            .object([
                "oneOf": .array([
                    .object(["enum": .strings(streamNames)]),
                    table([
                        KeySpec(
                            name: "file", kind: .hostPath, documentation: "A host file.", example: "", isRequired: true)
                    ]),
                ])
            ])
        case .secret:
            .object([
                "oneOf": .array([
                    table([
                        KeySpec(name: "file", kind: .hostPath, documentation: "A file.", example: "", isRequired: true)
                    ]),
                    table([
                        KeySpec(
                            name: "fd", kind: .integer(3...65_535), documentation: "A descriptor.", example: "",
                            isRequired: true)
                    ]),
                ])
            ])
        case .identifier: text("^[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}$")
        case .oneOf(let kinds): .object(["oneOf": .array(kinds.map { schema(of: $0) })])
        case .oneOrMany(let inner): .object(["oneOf": .array([schema(of: inner), schema(of: .list(inner))])])
        case .list(let inner):
            .object(["type": .string("array"), "items": schema(of: inner), "uniqueItems": .boolean(true)])
        case .sequence(let inner): .object(["type": .string("array"), "items": schema(of: inner)])
        case .table(let specs): table(specs)
        case .tables(let specs): .object(["type": .string("array"), "items": table(specs)])
        case .map(let inner): .object(["type": .string("object"), "additionalProperties": schema(of: inner)])
        }
    }

    private static func text(_ pattern: String?) -> JSONValue {
        .object(["type": .string("string"), "pattern": pattern.map { .string($0) }])
    }
}
