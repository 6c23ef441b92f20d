#!/usr/bin/env python3
"""drop-rpath.py FILE DIRECTORY: takes the entries beneath DIRECTORY out of an ELF file's DT_RUNPATH or DT_RPATH, in place.

A build links with an absolute path into its own tree; an installed program must not look there for a library.
"""
import struct
import sys

DT_NULL, DT_STRTAB, DT_RPATH, DT_RUNPATH = 0, 5, 15, 29
PT_LOAD, PT_DYNAMIC = 1, 2


def main():
    path, directory = sys.argv[1], sys.argv[2].rstrip("/") + "/"
    with open(path, "rb") as file:
        data = bytearray(file.read())
    if data[:6] != b"\x7fELF\x02\x01":
        sys.exit(f"drop-rpath: {path} is no 64-bit little-endian ELF file")
    (headers,) = struct.unpack_from("<Q", data, 32)
    size, count = struct.unpack_from("<HH", data, 54)
    segments = [struct.unpack_from("<IIQQQQQQ", data, headers + i * size) for i in range(count)]
    entries = []
    for kind, _, offset, _, _, length, _, _ in segments:
        if kind == PT_DYNAMIC:
            for at in range(offset, offset + length, 16):
                entry = struct.unpack_from("<qQ", data, at)
                if entry[0] == DT_NULL:
                    break
                entries.append(entry)
    strings = next((value for tag, value in entries if tag == DT_STRTAB), None)
    if strings is None:
        return
    table = next(offset + strings - address for kind, _, offset, address, _, length, _, _ in segments
                 if kind == PT_LOAD and address <= strings < address + length)
    for tag, value in entries:
        if tag in (DT_RPATH, DT_RUNPATH):
            start = table + value
            end = data.index(0, start)
            kept = [p for p in data[start:end].decode().split(":") if not (p + "/").startswith(directory)]
            data[start:end] = ":".join(kept).encode().ljust(end - start, b"\0")
    with open(path, "wb") as file:
        file.write(data)


if __name__ == "__main__":
    main()
