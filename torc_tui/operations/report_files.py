"""Read the files that a workflow file marks for its report.

Input: settings of a workflow, its files, its directory. Output: the files with their contents, as
far as these are pictures or text, and not too large.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Mapping
from pathlib import Path

from torc_tui.model import Json
from torc_tui.views.report import EmbeddedFile
from torc_tui.wording import count, size

MOST_IMAGE = 1 << 20
MOST_TEXT = 64 << 10
MOST_ALL = 3 << 20
"""Bytes of one picture, of one text, and of all files together."""

_IMAGES = {
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".gif": "image/gif",
    ".webp": "image/webp",
    ".svg": "image/svg+xml",
}
_TABLES = frozenset({".csv", ".tsv"})
_TEXTS = frozenset({".txt", ".md", ".log", ".json", ".yaml", ".yml", ".toml", ".ini"})


def marked_files(
    settings: Mapping[str, Json], files: Iterable[tuple[str, str]], directory: str
) -> list[EmbeddedFile]:
    """Return the marked files by groups; ``files`` are (name, path)."""
    marks = settings.get("report")
    if not isinstance(marks, dict):
        return []
    paths = dict(files)
    left = MOST_ALL
    found = []
    for name, mark in marks.items():
        if name in paths and isinstance(mark, dict):
            one = _embedded(name, paths[name], mark, directory, left)
            left -= len(one.data)
            found.append(one)
    order = {group: place for place, group in enumerate(dict.fromkeys(one.group for one in found))}
    return sorted(found, key=lambda one: order[one.group])


def _embedded(
    name: str, path: str, mark: Mapping[str, Json], directory: str, left: int
) -> EmbeddedFile:
    caption, group = str(mark.get("caption") or ""), str(mark.get("group") or "")
    file = EmbeddedFile(name, path, caption, group)
    kind = Path(path).suffix.lower()
    image = _IMAGES.get(kind)
    if image is None and kind not in _TABLES | _TEXTS:
        return file._replace(note="not embedded: neither a picture nor text")
    most = min(MOST_IMAGE if image else MOST_TEXT, left)
    try:
        data, whole = _read(Path(directory) / path, most)
    except OSError as error:
        return file._replace(note=f"not embedded: {error.strerror or error}")
    if image and whole > most:
        return file._replace(note=f"not embedded: {size(whole)} are too large")
    cut = f"the first {count(len(data), 'byte')} of {whole}" if whole > len(data) else ""
    return file._replace(data=data, image=image, table=kind in _TABLES, note=cut)


def _read(path: Path, most: int) -> tuple[bytes, int]:
    """Return the beginning of a regular file and its size; a pipe would never end."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    with open(descriptor, "rb") as file:
        state = os.fstat(descriptor)
        if not stat.S_ISREG(state.st_mode):
            raise OSError(0, "not a regular file")
        return file.read(most), state.st_size
