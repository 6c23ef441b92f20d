#!/usr/bin/env python3
"""Writes policies/*.toml into Sources/PolicyCompiler/ShippedPolicies+Texts.swift, so that --policy NAME needs no file.

Run it after a change to policies/; a test compares the two."""
import pathlib

root = pathlib.Path(__file__).resolve().parent.parent
out = [
    "// The texts of policies/*.toml, written by scripts/embed-policies.py: do not edit.",
    "// swift-format-ignore-file",
    "",
    "extension ShippedPolicies {",
    "    /// By name, in the order of names.",
    "    package static let texts: [(name: String, text: String)] = [",
]
for path in sorted((root / "policies").glob("*.toml")):
    text = path.read_text()
    assert '"""#' not in text
    out.append("        (")
    out.append(f'            "{path.stem}",')
    out.append('            #"""')
    out += [("            " + line).rstrip() for line in text.split("\n")]
    out.append('            """#')
    out.append("        ),")
out += ["    ]", "}"]
(root / "Sources/PolicyCompiler/ShippedPolicies+Texts.swift").write_text("\n".join(out) + "\n")
