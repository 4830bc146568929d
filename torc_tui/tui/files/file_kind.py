"""Tell what a file contains from its name and its first bytes. Pure.

Input: a name, and the first bytes. Output: a `FileKind`.
"""

from __future__ import annotations

import codecs
from enum import StrEnum

from torc_tui.tui.files.image_header import ImageHeader, image_header
from torc_tui.tuples import NamedTuple

SAMPLE = 8192
"""Bytes that tell a text from other data."""
ODD_SHARE = 0.1
"""Share of bytes that no text has, up to which something counts as text."""


class View(StrEnum):
    """A way to show a file."""

    TEXT = "text"
    TABLE = "table"
    IMAGE = "image"
    BYTES = "bytes"
    EXCERPT = "excerpt"
    """The first characters, of a text without lines."""
    DIRECTORY = "directory"
    NOTHING = "nothing"


class FileKind(NamedTuple):
    """What a file contains: ``word`` names it, ``view`` shows it best."""

    view: View
    word: str
    language: str = ""
    """``json`` or ``yaml``, for the colors."""
    delimiter: str = ""
    image: ImageHeader | None = None

    @property
    def is_drawn_text(self) -> bool:
        """Whether an image is written as text."""
        return self.image is not None and self.image.kind == "SVG"


_LANGUAGES = {
    "json": "json", "geojson": "json", "ipynb": "json", "jsonl": "json", "ndjson": "json",
    "yaml": "yaml", "yml": "yaml",
}  # fmt: skip
_WORDS = {"json": "JSON", "yaml": "YAML"}
_TABLES = {"csv": "", "tsv": "\t", "tab": "\t"}
_MAGIC = (
    (b"\x1f\x8b", "gzip data"), (b"PK\x03\x04", "ZIP archive"), (b"BZh", "bzip2 data"),
    (b"\xfd7zXZ\x00", "xz data"), (b"\x28\xb5\x2f\xfd", "Zstandard data"),
    (b"\x89HDF\r\n\x1a\n", "HDF5 data"), (b"CDF\x01", "NetCDF data"), (b"CDF\x02", "NetCDF data"),
    (b"PAR1", "Parquet data"), (b"ARROW1", "Arrow data"), (b"\x93NUMPY", "NumPy array"),
    (b"SQLite format 3\x00", "SQLite database"), (b"%PDF-", "PDF document"),
    (b"\x7fELF", "ELF program"),
)  # fmt: skip


def kind_of(name: str, head: bytes) -> FileKind:
    """Return what a file contains."""
    ending = name.rpartition(".")[2].lower() if "." in name else ""
    image = image_header(head)
    if image is not None:
        return FileKind(View.IMAGE, f"{image.kind} image", image=image)
    for magic, word in _MAGIC:
        if head.startswith(magic):
            return FileKind(View.BYTES, word)
    if not is_text(head):
        return FileKind(View.BYTES, "binary data")
    if ending in _TABLES:
        delimiter = _TABLES[ending] or _delimiter(head)
        return FileKind(View.TABLE, "table", delimiter=delimiter)
    language = _LANGUAGES.get(ending, "")
    if not language and not ending and head.lstrip()[:1] in (b"{", b"["):
        language = "json"
    return FileKind(View.TEXT, _WORDS.get(language, "text"), language=language)


def is_text(head: bytes) -> bool:
    """Return whether bytes look like text; escape sequences do not matter."""
    sample = head[:SAMPLE]
    if b"\0" in sample:
        return False
    try:
        codecs.getincrementaldecoder("utf-8")().decode(sample)
        odd = 0
    except UnicodeDecodeError:
        odd = sum(byte >= 0x80 for byte in sample)
    odd += sum(byte < 32 and byte not in b"\t\n\r\f\b\x1b" for byte in sample)
    return odd <= ODD_SHARE * len(sample)


def _delimiter(head: bytes) -> str:
    """Return the most frequent delimiter of the first line."""
    first = head[:SAMPLE].partition(b"\n")[0].decode("utf-8", "replace")
    return max(",;\t", key=first.count)
