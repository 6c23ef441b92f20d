// docs/audit-event.schema.json says what really stands in a line, and nothing else.

import AuditLog
import CapabilityModel
import Testing

@Suite struct SchemaTests {
    private static func schema(_ file: StaticString = #filePath) throws -> JSONValue {
        let root = "\(file)".split(separator: "/").dropLast(3).joined(separator: "/")
        return try #require(JSONValue(try readFile("/" + root + "/docs/audit-event.schema.json")))
    }

    @Test func everyLineIsAsTheSchemaSaysAndEveryVariantOccurs() throws {
        let variants = try #require(Self.schema()["oneOf"]?.array)
        let directory = try TemporaryDirectory()
        let writer = try AuditWriter(directory: directory.path, keyFile: directory.key)
        for event in everyKindOfEvent() { try writer.append(event) }
        try writer.close()
        var used: Set<Int> = []
        for text in try directory.lines() {
            let line = try #require(JSONValue(Array(text.utf8)))
            let matching = variants.indices.filter { SchemaCheck.problem(line, variants[$0]) == nil }
            #expect(matching.count == 1, "\(matching.count) variants match \(text)")
            used.formUnion(matching)
        }
        #expect(used == Set(variants.indices))
    }

    @Test func aLineWithAFieldTooManyOrTooFewDoesNotPass() throws {
        let variants = try #require(Self.schema()["oneOf"]?.array)
        let directory = try TemporaryDirectory()
        let writer = try AuditWriter(directory: directory.path, keyFile: directory.key)
        for event in everyKindOfEvent() { try writer.append(event) }
        try writer.close()
        for text in try directory.lines() {
            guard case .object(let fields)? = JSONValue(Array(text.utf8)) else { continue }
            for name in fields.keys {
                var fewer = fields
                fewer[name] = nil
                #expect(variants.allSatisfy { SchemaCheck.problem(.object(fewer), $0) != nil }, "without \(name)")
                var wrong = fields
                wrong[name] = .array([.null])
                #expect(variants.allSatisfy { SchemaCheck.problem(.object(wrong), $0) != nil }, "wrong \(name)")
            }
            var more = fields
            more["extra"] = .null
            #expect(variants.allSatisfy { SchemaCheck.problem(.object(more), $0) != nil })
        }
    }

    @Test func everyFieldIsDescribed() throws {
        for variant in try #require(Self.schema()["oneOf"]?.array) {
            #expect(variant["description"]?.string?.isEmpty == false)
            guard case .object(let properties)? = variant["properties"] else { continue }
            for (name, property) in properties {
                #expect(property["description"]?.string?.isEmpty == false, "\(name)")
            }
        }
    }
}

/// The part of JSON Schema that the file uses; a keyword that is not known is a problem of its own.
private enum SchemaCheck {
    private static let known: Set<String> = [
        "type", "description", "additionalProperties", "required", "properties", "const", "enum", "items", "minimum",
        "pattern",
    ]

    /// nil when the value is as the schema says.
    static func problem(_ value: JSONValue, _ schema: JSONValue) -> String? {
        guard case .object(let rules) = schema else { return "no schema" }
        if let unknown = rules.keys.first(where: { !known.contains($0) }) { return "keyword \(unknown)" }
        if let const = rules["const"], const != value { return "not \(const)" }
        if let options = rules["enum"]?.array, !options.contains(value) { return "none of \(options)" }
        if let type = rules["type"] {
            let names = type.array?.compactMap(\.string) ?? [type.string].compactMap { $0 }
            guard names.contains(typeName(value)) else { return "not a \(names)" }
        }
        if let pattern = rules["pattern"]?.string {
            guard let text = value.string, let expression = try? Regex(pattern), text.wholeMatch(of: expression) != nil
            else { return "not like \(pattern)" }
        }
        if let items = rules["items"], let elements = value.array {
            for element in elements { if let problem = problem(element, items) { return problem } }
        }
        guard case .object(let fields) = value, case .object(let properties)? = rules["properties"] else { return nil }
        for name in rules["required"]?.array?.compactMap(\.string) ?? [] where fields[name] == nil {
            return "\(name) is missing"
        }
        for (name, field) in fields {
            guard let property = properties[name] else { return "\(name) is not documented" }
            if let problem = problem(field, property) { return "\(name): \(problem)" }
        }
        return nil
    }

    private static func typeName(_ value: JSONValue) -> String {
        switch value {
        case .null: "null"
        case .bool: "boolean"
        case .unsigned: "integer"
        case .number: "number"
        case .string: "string"
        case .array: "array"
        case .object: "object"
        }
    }
}
