"""Color lines of JSON and YAML. Pure; one line at a time.

Input: a line without control characters. Output: spans with names of styles.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from torc_tui.tui.data.json_text_view import COLORED
from torc_tui.tui.data.json_text_view import color as json_line
from torc_tui.tui.look.text_layout import Span

LineColors = Callable[[str], Sequence[Span]]

_KEY = re.compile(
    r"""(?P<lead>\s*(?:[-?]\s+)*)(?P<key>"[^"]*"|'[^']*'|[^\s"'#&*!|>{\[\-?:,][^:#]*|-[^\s:#][^:#]*)"""
    r"(?P<colon>:)(?=\s|$)"
)
_TOKEN = re.compile(
    r"""(?P<comment>(?:(?<=\s)|^)\#.*)|(?P<text>"(?:[^"\\]|\\.)*"|'[^']*')"""
    r"""|(?P<word>(?<![^\s,\[\]{}:-])(?:true|false|null|yes|no|on|off|~)(?![^\s,\[\]{}]))"""
    r"""|(?P<number>(?<![^\s,\[\]{}:-])[-+]?\d[\d_.]*(?:[eE][-+]?\d+)?(?![^\s,\[\]{}]))"""
    r"""|(?P<mark>(?<![^\s,\[\]{}:-])[&*!][^\s,\[\]{}]*)|(?P<punct>[{}\[\],|>]+|(?<!\S)-(?!\S))"""
    r"|(?P<rest>\s+|[^\s,\[\]{}]+|.)",
    re.IGNORECASE,
)
_STYLES = {
    "comment": "faint", "text": "json-string", "word": "json-literal", "number": "json-number",
    "mark": "accent", "punct": "json-punct", "rest": "text",
}  # fmt: skip


def yaml_line(line: str) -> list[Span]:
    """Return a line of YAML with the styles of its tokens."""
    spans: list[Span] = []
    rest = line
    if line.lstrip().startswith("#"):
        return [(line, "faint")]
    if line[:3] in ("---", "...") and not line[3:].strip():
        return [(line, "json-punct")]
    found = _KEY.match(line)
    if found is not None:
        spans += [
            (found["lead"], "json-punct"),
            (found["key"], "json-key"),
            (found["colon"], "json-punct"),
        ]
        rest = line[found.end() :]
    for token in _TOKEN.finditer(rest):
        spans.append((token[0], _STYLES[token.lastgroup or "rest"]))
    return [span for span in spans if span[0]]


_COLORS: dict[str, LineColors] = {"json": json_line, "yaml": yaml_line}


def colors_of(language: str) -> LineColors | None:
    """Return what colors the lines of a language; None for plain text.

    Very long lines stay plain.
    """
    color = _COLORS.get(language)
    if color is None:
        return None
    return lambda line: color(line) if len(line) <= COLORED else [(line, "text")]
