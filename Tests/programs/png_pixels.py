#!/usr/bin/env python3
"""png_pixels.py FILE: prints size and SHA-256 of the pixels of an 8-bit, non-interlaced RGB or RGBA PNG.

Two encoders may pack the same picture differently; this looks at the picture.
"""
import hashlib
import struct
import sys
import zlib


def chunks(data):
    at = 8
    while at < len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        yield kind, data[at + 8:at + 8 + length]
        at += 12 + length


def paeth(left, above, corner):
    estimate = left + above - corner
    distances = abs(estimate - left), abs(estimate - above), abs(estimate - corner)
    return (left, above, corner)[distances.index(min(distances))]


def pixels(data):
    """(width, height, bytes a pixel, all bytes)"""
    if data[:8] != b"\x89PNG\r\n\x1a\n":
        sys.exit("png_pixels: no PNG")
    parts = list(chunks(data))
    width, height, depth, colour, _, _, interlaced = struct.unpack(">IIBBBBB", parts[0][1])
    if depth != 8 or colour not in (2, 6) or interlaced:
        sys.exit("png_pixels: a kind of PNG this does not read")
    step = 3 if colour == 2 else 4
    raw = zlib.decompress(b"".join(content for kind, content in parts if kind == b"IDAT"))
    row_length, before, result = width * step, bytearray(width * step), bytearray()
    for y in range(height):
        start = y * (row_length + 1)
        filter_kind, row = raw[start], bytearray(raw[start + 1:start + 1 + row_length])
        for x in range(row_length):
            left = row[x - step] if x >= step else 0
            corner = before[x - step] if x >= step else 0
            guess = (0, left, before[x], (left + before[x]) // 2, paeth(left, before[x], corner))[filter_kind]
            row[x] = (row[x] + guess) & 0xFF
        result += row
        before = row
    return width, height, step, bytes(result)


if __name__ == "__main__":
    with open(sys.argv[1], "rb") as file:
        w, h, bytes_per_pixel, content = pixels(file.read())
    print(w, h, bytes_per_pixel, hashlib.sha256(content).hexdigest())
