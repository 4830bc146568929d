"""Read the kind and pixel size of an image from its first bytes. Pure.

Input: the first bytes of a file, which may end anywhere. Output: an `ImageHeader`, or None.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable

from torc_tui.tuples import NamedTuple

HEAD = 4096
"""Characters of an SVG in which its root element is looked for."""


class ImageHeader(NamedTuple):
    """The kind of an image, and its size in pixels; 0 if it is not known."""

    kind: str
    width: int = 0
    height: int = 0
    detail: str = ""


def image_header(head: bytes) -> ImageHeader | None:
    """Return the kind and size of an image; None if the bytes do not begin an image."""
    for starts, name, read in _KINDS:
        if head.startswith(starts):
            try:
                return read(head)
            except (struct.error, IndexError):
                return ImageHeader(name, detail="incomplete header")
    return _svg(head)


def _png(head: bytes) -> ImageHeader:
    width, height, depth, color = struct.unpack_from(">IIBB", head, 16)
    kinds = {0: "gray", 2: "RGB", 3: "palette", 4: "gray with alpha", 6: "RGB with alpha"}
    return ImageHeader("PNG", width, height, f"{depth} bits, {kinds.get(color, 'unknown colors')}")


def _gif(head: bytes) -> ImageHeader:
    return ImageHeader("GIF", *struct.unpack_from("<HH", head, 6))


def _bmp(head: bytes) -> ImageHeader | None:
    (length,) = struct.unpack_from("<I", head, 14)
    if length == 12:
        return ImageHeader("BMP", *struct.unpack_from("<HH", head, 18))
    if length not in (40, 52, 56, 64, 108, 124):
        return None  # a text may begin with the same two letters
    width, height, _, bits = struct.unpack_from("<iiHH", head, 18)
    return ImageHeader("BMP", abs(width), abs(height), f"{bits} bits")


def _webp(head: bytes) -> ImageHeader | None:
    if head[8:12] != b"WEBP":
        return None
    kind = head[12:16]
    if kind == b"VP8X":
        width, height = (int.from_bytes(head[at : at + 3], "little") + 1 for at in (24, 27))
        return _checked("WebP", head, 30, width, height)
    if kind == b"VP8L":
        (bits,) = struct.unpack_from("<I", head, 21)
        return ImageHeader("WebP", (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1, "lossless")
    width, height = struct.unpack_from("<HH", head, 26)
    return ImageHeader("WebP", width & 0x3FFF, height & 0x3FFF)


def _checked(kind: str, head: bytes, needed: int, width: int, height: int) -> ImageHeader:
    if len(head) < needed:
        return ImageHeader(kind, detail="incomplete header")
    return ImageHeader(kind, width, height)


def _jpeg(head: bytes) -> ImageHeader:
    """Go from segment to segment to the one with the size of the frame."""
    at = 2
    while True:
        while head[at] == 0xFF and head[at + 1] == 0xFF:
            at += 1  # fill bytes
        mark = head[at + 1]
        if head[at] != 0xFF or mark == 0xD9:
            return ImageHeader("JPEG", detail="damaged header")
        if 0xC0 <= mark <= 0xCF and mark not in (0xC4, 0xC8, 0xCC):
            height, width, parts = struct.unpack_from(">HHB", head, at + 5)
            return ImageHeader("JPEG", width, height, {1: "gray", 3: "color"}.get(parts, ""))
        alone = mark == 0x01 or 0xD0 <= mark <= 0xD8
        (length,) = (0,) if alone else struct.unpack_from(">H", head, at + 2)
        at += 2 + length


_KINDS: tuple[tuple[bytes, str, Callable[[bytes], ImageHeader | None]], ...] = (
    (b"\x89PNG\r\n\x1a\n", "PNG", _png),
    (b"GIF87a", "GIF", _gif),
    (b"GIF89a", "GIF", _gif),
    (b"\xff\xd8\xff", "JPEG", _jpeg),
    (b"RIFF", "WebP", _webp),
    (b"BM", "BMP", _bmp),
)

_ROOT = re.compile(r"<svg\b([^>]*)", re.IGNORECASE)
_LENGTH = re.compile(r"""\b(width|height)\s*=\s*["']\s*(\d{1,7})(?:\.\d+)?\s*(?:px)?\s*["']""")
_BOX = re.compile(
    r"""\bviewBox\s*=\s*["'][\s,]*(?:[-\d.]+[\s,]+){2}(\d{1,7})[\d.]*[\s,]+(\d{1,7})"""
)


def _svg(head: bytes) -> ImageHeader | None:
    text = head[:HEAD].decode("utf-8", "replace")
    if not text.lstrip("\ufeff \t\r\n").startswith("<"):
        return None
    root = _ROOT.search(text)
    if root is None:
        return None
    sizes = {name: int(number) for name, number in _LENGTH.findall(root[1])}
    box = _BOX.search(root[1])
    if len(sizes) < 2 and box is not None:
        return ImageHeader("SVG", int(box[1]), int(box[2]))
    return ImageHeader("SVG", sizes.get("width", 0), sizes.get("height", 0))
