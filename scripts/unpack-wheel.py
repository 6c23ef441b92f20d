#!/usr/bin/env python3
"""Unpacks libwasmtime and its ctypes bindings from a wheel: unpack-wheel.py WHEEL-DIRECTORY TARGET."""
import pathlib
import sys
import zipfile

source, target = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
(wheel,) = source.glob("wasmtime-*.whl")
with zipfile.ZipFile(wheel) as archive:
    for name in archive.namelist():
        if name.endswith("/_libwasmtime.so"):
            place = target / "lib" / "libwasmtime.so"
        elif name == "wasmtime/_bindings.py":
            place = target / "_bindings.py"
        elif name.endswith("/licenses/LICENSE"):
            place = target / "LICENSE"
        else:
            continue
        place.parent.mkdir(parents=True, exist_ok=True)
        # Written aside and renamed: a library that is mapped must not change under its users.
        aside = place.with_name(place.name + ".new")
        aside.write_bytes(archive.read(name))
        aside.rename(place)
