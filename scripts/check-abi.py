#!/usr/bin/env python3
"""Holds our declarations of libwasmtime's C ABI against the ctypes bindings that ship with it.

check-abi.py [--header FILE] [--bindings FILE]    report every difference, exit 1 if there is one
check-abi.py --self-test                          change each declaration in turn and see it caught

Compared: a function's parameter and result types, a struct's or union's fields, offsets and size, a callback's
signature. Pointers to const and to non-const are one, as they are to the bindings.
"""
import argparse
import ctypes
import pathlib
import re
import sys
import types

ROOT = pathlib.Path(__file__).resolve().parent.parent
OURS = "bulkhead_"

SCALARS = {
    "bool": ctypes.c_bool, "int32_t": ctypes.c_int32, "int64_t": ctypes.c_int64, "uint8_t": ctypes.c_uint8,
    "uint32_t": ctypes.c_uint32, "uint64_t": ctypes.c_uint64, "size_t": ctypes.c_size_t, "float": ctypes.c_float,
    "double": ctypes.c_double, "char": ctypes.c_char,
}


class Header:
    """The header, read into: aliases, callbacks, records and functions, all as text."""

    def __init__(self, text):
        text = re.sub(r"//[^\n]*", "", text)
        text = re.sub(r"^\s*#[^\n]*", "", text, flags=re.MULTILINE)
        self.aliases, self.callbacks, self.records, self.functions = {}, {}, {}, {}
        self.opaque = set()
        record = re.compile(r"typedef\s+(struct|union)\s+(\w+)\s*\{([^}]*)\}\s*(\w+)\s*;")
        for kind, tag, body, name in record.findall(text):
            fields = [self.field(part) for part in body.split(";") if part.strip()]
            self.records[tag] = (kind, fields)
            self.aliases[name] = tag
        text = record.sub("", text)
        for statement in (" ".join(part.split()) for part in text.split(";")):
            if not statement:
                continue
            if found := re.fullmatch(r"typedef struct (\w+) (\w+)", statement):
                self.opaque.add(found[1])
                self.aliases[found[2]] = found[1]
            elif found := re.fullmatch(r"typedef (.+?)\(\*(\w+)\)\((.*)\)", statement):
                self.callbacks[found[2]] = (found[1].strip(), parameters(found[3]))
            elif found := re.fullmatch(r"typedef uint8_t (\w+)\[(\d+)\]", statement):
                self.aliases[found[1]] = ("array", int(found[2]))
            elif found := re.fullmatch(r"typedef (\w+) (\w+)", statement):
                self.aliases[found[2]] = found[1]
            elif found := re.fullmatch(r"(.+?[ *])(\w+)\((.*)\)", statement):
                self.functions[found[2]] = (found[1].strip(), parameters(found[3]))
            else:
                raise ValueError(f"cannot read: {statement}")

    @staticmethod
    def field(text):
        text = " ".join(text.split())
        if found := re.fullmatch(r"(.+?)\(\*(\w+)\)\((.*)\)", text):
            return found[2], f"{found[1].strip()} (*)({found[3]})"
        found = re.fullmatch(r"(.+?[ *])(\w+)", text)
        return found[2], found[1].strip()

    def spell(self, text):
        """A type in canonical words: tags for records, `ptr X` for pointers."""
        text = text.replace("const", " ").strip()
        text = " ".join(text.split())
        if found := re.fullmatch(r"(.+?)\s*\(\*\)\((.*)\)", text):
            return self.spell_callback(found[1], parameters(found[2]))
        if text.endswith("*"):
            inner = text[:-1].strip()
            return "ptr void" if inner == "void" else f"ptr {self.spell(inner)}"
        if text == "void":
            return "void"
        if text in self.callbacks:
            return self.spell_callback(*self.callbacks[text])
        alias = self.aliases.get(text)
        if isinstance(alias, tuple):
            return f"array {alias[1]} uint8_t"
        if alias is not None and alias not in self.aliases and (alias in self.records or alias in self.opaque):
            return alias
        if alias is not None and alias != text:
            return self.spell(alias)
        if text in self.records or text in self.opaque or text in SCALARS:
            return text
        raise ValueError(f"unknown type: {text}")

    def spell_callback(self, result, params):
        # ctypes cannot give a callback a pointer as result, so the bindings say size_t.
        spelt = self.spell(result)
        spelt = "size_t" if spelt.startswith("ptr ") else spelt
        return f"call({', '.join(self.spell(p) for p in params)}) -> {spelt}"

    def layout(self, tag, made):
        """The record as a ctypes class of its own."""
        if tag not in made:
            kind, fields = self.records[tag]
            base = ctypes.Union if kind == "union" else ctypes.Structure
            made[tag] = type(tag, (base,), {"_fields_": [(n, self.ctype(t, made)) for n, t in fields]})
        return made[tag]

    def ctype(self, text, made):
        spelt = self.spell(text)
        if spelt.startswith(("ptr ", "call(")):
            return ctypes.c_void_p
        if spelt.startswith("array "):
            return ctypes.c_uint8 * int(spelt.split()[1])
        return SCALARS[spelt] if spelt in SCALARS else self.layout(spelt, made)


def parameters(text):
    """Splits at the commas that are not within parentheses."""
    parts, depth, current = [], 0, ""
    for character in text:
        if character == "," and depth == 0:
            parts.append(current.strip())
            current = ""
            continue
        depth += {"(": 1, ")": -1}.get(character, 0)
        current += character
    parts.append(current.strip())
    return [] if parts == ["void"] or parts == [""] else parts


class Stub:
    """Stands for the library: every name is there, nothing is called."""

    def __getattr__(self, name):
        function = types.SimpleNamespace()
        self.__dict__[name] = function
        return function


def read_bindings(path):
    source = path.read_text().replace("from ._ffi import dll, wasm_val_t, wasm_ref_t", "")
    opaque = type("wasm_val_t", (ctypes.Structure,), {}), type("wasm_ref_t", (ctypes.Structure,), {})
    space = {"dll": Stub(), "wasm_val_t": opaque[0], "wasm_ref_t": opaque[1]}
    exec(compile(source, str(path), "exec"), space)  # pylint: disable=exec-used
    return space


def spell_bound(kind):
    """A ctypes type in the words of Header.spell."""
    if kind is None:
        return "void"
    if kind is ctypes.c_void_p:
        return "ptr void"
    for name, scalar in SCALARS.items():
        if kind is scalar or (name == "size_t" and kind is ctypes.c_ulong and scalar is ctypes.c_ulong):
            # uint64_t and size_t are one type to ctypes on 64 bits.
            return "uint64_t" if kind is ctypes.c_uint64 else name
    if kind is ctypes.c_int:
        return "int32_t"
    if hasattr(kind, "_argtypes_"):
        return f"call({', '.join(spell_bound(a) for a in kind._argtypes_)}) -> {spell_bound(kind._restype_)}"
    if hasattr(kind, "_length_"):
        return f"array {kind._length_} {spell_bound(kind._type_)}"
    if issubclass(kind, ctypes._Pointer):
        return f"ptr {spell_bound(kind._type_)}"
    return kind.__name__


def same(ours, theirs):
    return ours.replace("size_t", "uint64_t") == theirs.replace("size_t", "uint64_t")


def differences(header_text, bound):
    try:
        header = Header(header_text)
        return list(compare(header, bound))
    except (ValueError, TypeError, KeyError) as error:
        return [str(error)]


def compare(header, bound):
    library = bound["dll"].__dict__
    for name, (result, params) in header.functions.items():
        if name.startswith(OURS):
            continue
        if name not in library:
            yield f"{name}: the library has no such function"
            continue
        ours = f"{header.spell(result)}({', '.join(header.spell(p) for p in params)})"
        theirs = f"{spell_bound(library[name].restype)}({', '.join(map(spell_bound, library[name].argtypes))})"
        if not same(ours, theirs):
            yield f"{name}: declared {ours}, is {theirs}"
    for name, (result, params) in header.callbacks.items():
        ours = header.spell_callback(result, params)
        if name not in bound:
            yield f"{name}: the library has no such callback"
        elif not same(ours, spell_bound(bound[name])):
            yield f"{name}: declared {ours}, is {spell_bound(bound[name])}"
    made = {}
    for tag, (_, fields) in header.records.items():
        if tag not in bound:
            yield f"{tag}: the library has no such record"
            continue
        theirs = bound[tag]
        ours = header.layout(tag, made)
        if ctypes.sizeof(ours) != ctypes.sizeof(theirs):
            yield f"{tag}: declared with {ctypes.sizeof(ours)} bytes, has {ctypes.sizeof(theirs)}"
        if [n for n, _ in fields] != [n for n, _ in theirs._fields_]:
            yield f"{tag}: declared fields {[n for n, _ in fields]}, has {[n for n, _ in theirs._fields_]}"
            continue
        for (name, text), (_, kind) in zip(fields, theirs._fields_):
            if not same(header.spell(text), spell_bound(kind)):
                yield f"{tag}.{name}: declared {header.spell(text)}, is {spell_bound(kind)}"
            if getattr(ours, name).offset != getattr(theirs, name).offset:
                yield f"{tag}.{name}: offset {getattr(ours, name).offset}, is {getattr(theirs, name).offset}"
    for tag in header.opaque:
        if tag not in bound:
            yield f"{tag}: the library has no such type"


def mutations(text):
    """The header with one declaration changed at a time: a type widened or narrowed, a parameter dropped."""
    swaps = {"size_t": "uint32_t", "uint64_t": "uint32_t", "int64_t": "int32_t", "uint32_t": "uint64_t",
             "int32_t": "int64_t", "bool": "uint32_t", "uint8_t": "uint32_t", "float": "double", "double": "float"}
    body = re.search(r"// Opaque\..*(?=// Ours, not)", text, re.DOTALL)
    start, end = body.span()
    code = re.sub(r"//[^\n]*", lambda found: " " * len(found[0]), text[start:end])
    # What a callback's result points to is not in the bindings, so those are left alone.
    for found in re.finditer(r"\b(" + "|".join(swaps) + r")\b(?! \*\(\*)", code):
        at = start + found.start()
        yield text.count("\n", 0, at) + 1, text[:at] + swaps[found[1]] + text[at + len(found[1]):]
    for found in re.finditer(r",[^,()]*\)\s*;", code):
        at = start + found.start()
        yield text.count("\n", 0, at) + 1, text[:at] + ");" + text[start + found.end():]
    for found in re.finditer(r"\*(?=[ ,)*]|\w+\()", code):
        at = start + found.start()
        yield text.count("\n", 0, at) + 1, text[:at] + "**" + text[at + 1:]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--header", type=pathlib.Path, default=ROOT / "Sources/CWasmtime/include/CWasmtime.h")
    parser.add_argument("--bindings", type=pathlib.Path, default=ROOT / ".deps/wasmtime/_bindings.py")
    parser.add_argument("--self-test", action="store_true")
    arguments = parser.parse_args()
    if not arguments.bindings.exists():
        sys.exit(f"check-abi: no {arguments.bindings}: only the wheel has it, run scripts/setup.sh")
    text, bound = arguments.header.read_text(), read_bindings(arguments.bindings)
    if arguments.self_test:
        total = list(mutations(text))
        missed = [line for line, changed in total if not differences(changed, bound)]
        for line in missed:
            print(f"{arguments.header}:{line}: a change here went unseen", file=sys.stderr)
        print(f"check-abi: {len(total)} changes, {len(missed)} unseen")
        sys.exit(1 if missed else 0)
    found = differences(text, bound)
    for difference in found:
        print(difference, file=sys.stderr)
    header = Header(text)
    print(f"check-abi: {len(header.functions)} functions, {len(header.callbacks)} callbacks, "
          f"{len(header.records)} records, {len(found)} differences")
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
