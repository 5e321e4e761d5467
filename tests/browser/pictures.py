"""How does a screenshot become small? With 256 colours at most, and packed as tightly as zlib can."""

from __future__ import annotations

import struct
import zlib
from collections import Counter
from collections.abc import Iterable

_HEAD = b"\x89PNG\r\n\x1a\n"
_COLOURS = 256


def smaller(picture: bytes) -> bytes:
    """Return a PNG of 8 bits a channel, as browsers make them, with a palette: of the colours that are there most."""
    chunks = _chunks(picture)
    width, height, _, kind = struct.unpack(">IIBB", chunks[b"IHDR"][:10])
    size = {2: 3, 6: 4}[kind]  # bytes of a pixel: without and with how opaque it is
    pixels = [
        bytes(line[at : at + 3])
        for line in _lines(zlib.decompress(chunks[b"IDAT"]), width * size, size)
        for at in range(0, len(line), size)
    ]
    places = _palette(Counter(pixels))
    rows = (pixels[at * width : (at + 1) * width] for at in range(height))
    packed = zlib.compress(b"".join(b"\0" + bytes(places[one] for one in row) for row in rows), 9)
    shown = sorted({places[one]: one for one in reversed(list(places))}.items())
    head = struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)
    colours = b"".join(colour for _, colour in shown)
    return _HEAD + b"".join(
        _chunk(*one) for one in ((b"IHDR", head), (b"PLTE", colours), (b"IDAT", packed), (b"IEND", b""))
    )


def _palette(colours: Counter[bytes]) -> dict[bytes, int]:
    """Return the place of each colour: the commonest have one of their own, others that of the nearest of these."""
    common = [colour for colour, _ in colours.most_common(_COLOURS)]
    places = {colour: at for at, colour in enumerate(common)}
    for colour in colours:
        if colour not in places:
            places[colour] = min(range(len(common)), key=lambda at: _distance(common[at], colour))
    return places


def _distance(one: bytes, other: bytes) -> int:
    return sum((a - b) ** 2 for a, b in zip(one, other, strict=True))


def _chunks(picture: bytes) -> dict[bytes, bytes]:
    found: dict[bytes, bytes] = {}
    at = len(_HEAD)
    while at < len(picture):
        length, kind = struct.unpack(">I4s", picture[at : at + 8])
        found[kind] = found.get(kind, b"") + picture[at + 8 : at + 8 + length]
        at += 12 + length
    return found


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def _lines(filtered: bytes, length: int, size: int) -> Iterable[bytearray]:
    """Undo the filters: each line is told by how it differs from what is left of it and above it."""
    above = bytearray(length)
    for start in range(0, len(filtered), length + 1):
        how, line = filtered[start], bytearray(filtered[start + 1 : start + 1 + length])
        for at in range(length) if how else ():
            left = line[at - size] if at >= size else 0
            corner = above[at - size] if at >= size else 0
            line[at] = (line[at] + _guess(how, left, above[at], corner)) & 255
        yield line
        above = line


def _guess(how: int, left: int, above: int, corner: int) -> int:
    """Return what a filter takes for the byte."""
    if how < 3:
        return (left, above)[how - 1]
    if how == 3:
        return (left + above) // 2
    distances = abs(above - corner), abs(left - corner), abs(left + above - 2 * corner)
    return (left, above, corner)[distances.index(min(distances))]
