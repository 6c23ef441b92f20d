#!/usr/bin/env python3
"""Holds the rules of the source tree that no compiler checks.

check-arrows.py [--root DIR]    report every violation, exit 1 if there is one
check-arrows.py --self-test     plant a violation of each kind in a scratch copy and see it caught
"""
import argparse
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

SUPERVISOR_SIDE = ["bulkhead", "Commands", "CellSupervisor", "ModuleCache", "AuditLog", "MachineKey", "PolicyCompiler",
                   "AppCompiler"]
CELL_SIDE = ["bulkhead-cell", "CellHost", "WASIPreview1", "ProcessRuntime", "WasmEngine"]

# A target and what it must not reach, directly or through others.
FORBIDDEN = {
    "PolicyCompiler": {"LinuxKernel", "WasmEngine", "ProcessRuntime"},
    "AppCompiler": {"LinuxKernel", "WasmEngine", "ProcessRuntime"},
    "WASIPreview1": {"WasmEngine"},
    "WasmEngine": {"WASIPreview1"},
    "ProcessRuntime": {"WasmEngine"},
    "Supervision": {"LinuxKernel", "CellHost", "CellProtocol", "ProcessRuntime", "WasmEngine", "WASIPreview1"},
}
for name in SUPERVISOR_SIDE:
    FORBIDDEN.setdefault(name, set()).update({"WasmEngine", "WASIPreview1", "CellHost", "CWasmtime"})
for name in CELL_SIDE:
    FORBIDDEN.setdefault(name, set()).update(
        {"PolicyCompiler", "AppCompiler", "AuditLog", "MachineKey", "ModuleCache", "Commands", "CellSupervisor",
         "TOMLKit"})
for name in ["bulkhead-compiler", "CompilerHost"]:
    FORBIDDEN.setdefault(name, set()).update(
        {"PolicyCompiler", "AppCompiler", "AuditLog", "MachineKey", "ModuleCache", "Commands", "CellSupervisor",
         "CellHost", "TOMLKit"})

# A C module and the one target that may import it.
ONLY_FROM = {"CLinux": "LinuxKernel", "CWasmtime": "WasmEngine"}

FOUNDATION_FREE = {
    "CapabilityModel", "LinuxKernel", "WasmEngine", "WASIPreview1", "ProcessRuntime",
    "CellProtocol", "CellHost", "CellSupervisor", "CompilerHost", "AuditLog", "MachineKey", "ModuleCache",
    "PolicyCompiler", "AppCompiler", "Supervision",
}

IMPORT = re.compile(
    r"^\s*(?:@\w+(?:\([^)]*\))?\s+)*(?:(?:public|package|internal|fileprivate|private)\s+)?import\s+"
    r"(?:(?:struct|class|enum|protocol|typealias|func|let|var)\s+)?(\w+)", re.MULTILINE)
UNSAFE = re.compile(r"\b(UnsafeMutable\w*|UnsafePointer|UnsafeRaw\w*|UnsafeBufferPointer|unsafeBitCast|Unmanaged|"
                    r"OpaquePointer|unsafe)\b")
LINE_LIMIT = 400
SOURCE_SUFFIXES = {".swift", ".c", ".h", ".rs", ".py", ".sh"}


def code_only(text):
    """The text with comments and string literals blanked, line breaks kept."""
    out, i, n, depth = [], 0, len(text), 0
    string = re.compile(r'(#*)("""|")')

    def blank(piece):
        return re.sub(r"[^\n]", " ", piece)

    while i < n:
        if depth:
            if text.startswith("/*", i):
                depth, i = depth + 1, i + 2
            elif text.startswith("*/", i):
                depth, i = depth - 1, i + 2
            else:
                out.append("\n" if text[i] == "\n" else " ")
                i += 1
        elif text.startswith("//", i):
            end = text.find("\n", i)
            i = n if end < 0 else end
        elif text.startswith("/*", i):
            depth, i = 1, i + 2
        elif (found := string.match(text, i)) and (text[i] == '"' or found.group(1)):
            hashes, quote = found.groups()
            closing, j = quote + hashes, found.end()
            while j < n and not text.startswith(closing, j):
                j += 2 if text[j] == "\\" and not hashes else 1
            j = min(n, j + len(closing))
            out.append(blank(text[i:j]))
            i = j
        else:
            out.append(text[i])
            i += 1
    return "".join(out)


def manifest(root):
    """Package.swift as SwiftPM reads it."""
    done = subprocess.run(["swift", "package", "--package-path", str(root), "dump-package"],
                          capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"check-arrows: swift package dump-package failed:\n{done.stderr}")
    return json.loads(done.stdout)


def declared(package):
    """Target name → (kind, the names it depends on)."""
    graph = {}
    for target in package["targets"]:
        names = set()
        for dependency in target["dependencies"]:
            (value,) = dependency.values() if len(dependency) == 1 else (dependency.get("byName") or
                                                                        dependency.get("target") or
                                                                        dependency.get("product"),)
            names.add(value[0])
        graph[target["name"]] = (target["type"], names)
    return graph


def reach(graph, start):
    """Every name that start reaches, each with one path to it."""
    paths, todo = {}, [(start, [start])]
    while todo:
        name, path = todo.pop(0)
        for following in sorted(graph.get(name, (None, ()))[1]):
            if following not in paths:
                paths[following] = path + [following]
                todo.append((following, paths[following]))
    return paths


def check(root, package):
    """All violations, as lines of text."""
    found = []
    graph = declared(package)
    ours = {name for name, (kind, _) in graph.items() if kind != "test"}

    for target, banned in FORBIDDEN.items():
        for name, path in reach(graph, target).items():
            if name in banned:
                found.append(f"Package.swift: {target} must not reach {name}: {' → '.join(path)}")
    for name in sorted(graph.get("CapabilityModel", (None, set()))[1] & ours):
        found.append(f"Package.swift: CapabilityModel must not depend on {name}")
    for name, (kind, dependencies) in graph.items():
        for module, owner in ONLY_FROM.items():
            if module in dependencies and name not in (owner, owner + "Tests"):
                found.append(f"Package.swift: only {owner} may depend on {module}, not {name}")

    for file in sorted((root / "Sources").rglob("*.swift")) + sorted((root / "Tests").rglob("*.swift")):
        relative = file.relative_to(root).as_posix()
        area, target = relative.split("/")[:2]
        code = code_only(file.read_text())
        for match in IMPORT.finditer(code):
            module = match.group(1)
            where = f"{relative}:{code.count(chr(10), 0, match.start(1)) + 1}"
            if module in ONLY_FROM and target not in (ONLY_FROM[module], ONLY_FROM[module] + "Tests"):
                found.append(f"{where}: only {ONLY_FROM[module]} may import {module}")
            if area != "Sources":
                continue
            if module in FORBIDDEN.get(target, ()):
                found.append(f"{where}: {target} must not import {module}")
            if target == "CapabilityModel" and module in ours:
                found.append(f"{where}: CapabilityModel imports nothing of ours, so not {module}")
            if module in ours and module not in graph.get(target, (None, ()))[1]:
                found.append(f"{where}: Package.swift draws no arrow from {target} to {module}")
            if module.startswith("Foundation") and target in FOUNDATION_FREE:
                found.append(f"{where}: no {module} here")
        if area == "Sources":
            found += check_unsafe(relative, code, file.read_text())

    found += check_lengths(root)
    found += check_guests(root)
    return found


def check_unsafe(relative, code, text):
    """Unsafe code stands in *+Unsafe.swift alone, and says why it is sound."""
    uses = list(UNSAFE.finditer(code))
    if not uses:
        return []
    if not relative.endswith("+Unsafe.swift"):
        first = uses[0]
        line = code.count("\n", 0, first.start()) + 1
        return [f"{relative}:{line}: {first.group(1)} outside a *+Unsafe.swift file ({len(uses)} uses)"]
    if "// SAFETY:" not in text:
        return [f"{relative}: unsafe code and not one '// SAFETY:' that names its invariant"]
    return []


def check_lengths(root):
    """No file past the limit, unless scripts/long-files.txt gives a reason."""
    found, allowed = [], {}
    listing = root / "scripts" / "long-files.txt"
    if listing.exists():
        for line in listing.read_text().splitlines():
            if line.strip() and not line.startswith("#"):
                path, _, reason = line.partition(":")
                allowed[path.strip()] = reason.strip()
    for area in ["Sources", "SDK", "Tests", "Examples", "Benchmarks", "scripts"]:
        for file in sorted((root / area).rglob("*")) if (root / area).exists() else []:
            relative = file.relative_to(root).as_posix()
            if file.suffix not in SOURCE_SUFFIXES or not file.is_file() or "/.build" in "/" + relative:
                continue
            lines = file.read_text().count("\n")
            if lines > LINE_LIMIT and not allowed.get(relative):
                found.append(f"{relative}: {lines} lines, the limit is {LINE_LIMIT}")
            if lines <= LINE_LIMIT and relative in allowed:
                found.append(f"scripts/long-files.txt: {relative} has {lines} lines and needs no exception")
    return found


def check_guests(root):
    """A guest that no test mentions is a behaviour that nothing holds."""
    suffixes = (".c", ".wat", ".swift", ".rs")
    guests = sorted(p for p in (root / "Tests" / "Guests").glob("*") if p.suffix in suffixes)
    tests = "\n".join(p.read_text() for p in sorted((root / "Tests").rglob("*"))
                      if p.suffix in (".swift", ".sh") and p.is_file() and p.parent.name != "Guests")

    def mentioned(guest):
        # Built under this name: see scripts/build-guests.sh. A test may also add the language to a stem: "sdk-calls-\(language)".
        beside = [other for other in guests if other.stem == guest.stem and other != guest]
        added = {".swift": "-swift", ".rs": "-rust", ".c": "-c" if beside else ""}.get(guest.suffix, "")
        name = re.escape(guest.stem) + (rf"(?:{added}|-\\\(language\))" if added else "")
        return re.search(rf'(?:"|\b){name}(?:"|\.wasm|\.wat)', tests)

    return [f"Tests/Guests/{guest.name}: no test mentions it" for guest in guests if not mentioned(guest)]


def self_test(root, package):
    """Plants one violation of each kind; each must be reported, and be new."""
    def append(path, text):
        def edit(copy, _):
            file = copy / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text((file.read_text() if file.exists() else "") + text)
        return edit

    def arrow(source, target):
        def edit(_, package):
            for entry in package["targets"]:
                if entry["name"] == source:
                    entry["dependencies"].append({"byName": [target, None]})
        return edit

    plants = [
        ("arrow, model", arrow("CapabilityModel", "LinuxKernel"), "CapabilityModel must not depend on LinuxKernel"),
        ("arrow, through another", arrow("AuditLog", "WasmEngine"), "bulkhead must not reach WasmEngine"),
        ("arrow, cell side", arrow("ProcessRuntime", "AuditLog"), "bulkhead-cell must not reach AuditLog"),
        ("arrow, C module", arrow("CellProtocol", "CLinux"), "only LinuxKernel may depend on CLinux"),
        ("import, compiler", append("Sources/PolicyCompiler/X.swift", "import LinuxKernel\n"),
         "must not import LinuxKernel"),
        ("import, app compiler", append("Sources/AppCompiler/X.swift", "import LinuxKernel\n"),
         "must not import LinuxKernel"),
        ("import, WASI to engine", append("Sources/WASIPreview1/X.swift", "internal import WasmEngine\n"),
         "WASIPreview1 must not import WasmEngine"),
        ("import, engine to WASI", append("Sources/WasmEngine/X.swift", "package import WASIPreview1\n"),
         "WasmEngine must not import WASIPreview1"),
        ("import, runtime to engine", append("Sources/ProcessRuntime/X.swift", "import struct WasmEngine.Store\n"),
         "ProcessRuntime must not import WasmEngine"),
        ("import, supervisor side", append("Sources/Commands/X.swift", "import CellHost\n"),
         "Commands must not import CellHost"),
        ("import, cell side", append("Sources/CellHost/X.swift", "@preconcurrency import TOMLKit\n"),
         "CellHost must not import TOMLKit"),
        ("import, model", append("Sources/CapabilityModel/X.swift", "import AuditLog\n"), "imports nothing of ours"),
        ("import, CLinux", append("Sources/CellHost/X.swift", "import CLinux\n"), "only LinuxKernel may import CLinux"),
        ("import, CWasmtime", append("Sources/CellHost/X.swift", "import CWasmtime\n"),
         "only WasmEngine may import CWasmtime"),
        ("import, no arrow drawn", append("Sources/LinuxKernel/X.swift", "import CellProtocol\n"), "draws no arrow"),
        ("Foundation", append("Sources/CellHost/X.swift", "import Foundation\n"), "no Foundation here"),
        ("FoundationEssentials", append("Sources/LinuxKernel/X.swift", "import FoundationEssentials\n"),
         "no FoundationEssentials here"),
        ("unsafe type", append("Sources/CellHost/X.swift", "let x: UnsafeMutableRawPointer? = nil\n"),
         "UnsafeMutableRawPointer outside"),
        ("unsafe expression", append("Sources/CellHost/X.swift", "let x = unsafe f()\n"), "unsafe outside"),
        ("unsafe without a reason", append("Sources/CellHost/X+Unsafe.swift", "let x = unsafe f()\n"),
         "not one '// SAFETY:'"),
        ("length", append("Sources/CellHost/X.swift", "// x\n" * (LINE_LIMIT + 1)), "lines, the limit is"),
        ("needless exception", append("scripts/long-files.txt", "scripts/lint.sh: no reason\n"), "needs no exception"),
        ("guest without a test", append("Tests/Guests/zz-nobody.c", "int main(void) { return 0; }\n"),
         "no test mentions it"),
        ("guest in Swift without a test", append("Tests/Guests/zz-nobody.swift", "// Nothing.\n"),
         "no test mentions it"),
        ("guest that only another guest mentions", append("Tests/Guests/zz-nobody.rs", '// "zz-nobody-rust"\n'),
         "no test mentions it"),
        # These must not be reported: words in comments and strings are not code.
        ("comment", append("Sources/CellHost/X.swift", "// import Foundation, unsafe\n/* import CLinux */\n"), None),
        ("string", append("Sources/CellHost/X.swift", 'let x = "unsafe \\" unsafe"\nlet y = #"a " unsafe"#\n'), None),
    ]
    before, failures = set(check(root, package)), 0
    for name, plant, expected in plants:
        with tempfile.TemporaryDirectory(prefix="check-arrows.") as scratch:
            copy = pathlib.Path(scratch)
            for area in ["Sources", "Tests", "scripts"]:
                shutil.copytree(root / area, copy / area)
            changed = json.loads(json.dumps(package))
            plant(copy, changed)
            new = [line for line in check(copy, changed) if line not in before]
            good = not new if expected is None else any(expected in line for line in new)
            if not good:
                failures += 1
                print(f"check-arrows: planted '{name}' and saw {new or 'nothing'}", file=sys.stderr)
    print(f"check-arrows: {len(plants) - failures} of {len(plants)} planted cases judged rightly")
    return failures == 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=pathlib.Path, default=pathlib.Path(__file__).resolve().parent.parent)
    parser.add_argument("--self-test", action="store_true")
    options = parser.parse_args()
    package = manifest(options.root)
    if options.self_test:
        sys.exit(0 if self_test(options.root, package) else 1)
    found = check(options.root, package)
    for line in found:
        print(line, file=sys.stderr)
    if found:
        sys.exit(f"check-arrows: {len(found)} violations")
    print(f"check-arrows: {len(package['targets'])} targets, no forbidden arrow")


if __name__ == "__main__":
    main()
