"""Word a mistake in a YAML text.

*Input*: the text and two places from libyaml. *Output*: a SpecSyntaxError. The mistake is
recognized by the characters at these places, because the texts of libyaml change from version to
version. They are shown, as a detail, only for a mistake that is not known here.
"""

from __future__ import annotations

from torc_tui.errors import SpecSyntaxError
from torc_tui.tuples import NamedTuple
from torc_tui.workflow_file.document import MAX_DEPTH, syntax_error, too_deep

_QUOTES = "put a text that begins with a special character in quotes"
_FOR_SIGN = {
    "'": "inside single quotes, a quote is written twice",
    '"': 'inside double quotes, a quote is written \\"',
}


class _Place(NamedTuple):
    text: str
    at: int

    @property
    def sign(self) -> str:
        """The character here; empty at the end of the text."""
        return self.text[self.at : self.at + 1]

    @property
    def line(self) -> int:
        return self.text.count("\n", 0, self.at) + 1

    @property
    def before(self) -> str:
        """The part of the line before this place."""
        return self.text[self.text.rfind("\n", 0, self.at) + 1 : self.at]

    @property
    def row(self) -> str:
        return self.before + self.text[self.at :].partition("\n")[0]


def yaml_error(
    text: str, file: str | None, at: int, opened: int | None, detail: str
) -> SpecSyntaxError:
    """Return the error for a text that libyaml refuses.

    ``at`` is the offset of the mistake, ``opened`` that of the construct that holds it (a quote, a
    bracket, a block), where libyaml names one.
    """
    here = _Place(text, min(at, len(text)))
    if _depth(here) >= MAX_DEPTH:
        return too_deep(file, here.line)
    start = None if opened is None else _Place(text, min(opened, len(text)))
    place, message, hint = _explain(here, start) or (here, f"this is not YAML ({detail})", None)
    return syntax_error(
        message, file=file, line=place.line, column=len(place.before) + 1, hint=hint
    )


def _depth(place: _Place) -> int:
    """Return how deep lists and mappings are nested here: brackets, and the dashes of one line."""
    head = place.text[: place.at]
    brackets = sum(map(head.count, "[{")) - sum(map(head.count, "]}"))
    return brackets + place.before.count("- ")


_Found = tuple[_Place, str, str | None]


def _explain(here: _Place, start: _Place | None) -> _Found | None:
    """Return place, message and hint of a known mistake."""
    row = here.row
    if "\t" in row[: len(row) - len(row.lstrip())] or here.sign == "\t":
        return (
            here,
            "a tab indents this line",
            "YAML does not allow tabs for indentation; use spaces",
        )
    inside = start.sign if start is not None and start.at < here.at else ""
    if start is not None and inside and (found := _inside(here, start)):
        return found
    if start is None or start.at == here.at:
        return _at_sign(here)
    if inside == "%":  # a directive, which workflow files do not need
        return None
    if not here.before.strip():
        return here, "this line is not indented like the lines that it belongs to", None
    return here, "this does not belong to the value before it", "put the whole value in quotes"


def _inside(here: _Place, start: _Place) -> _Found | None:
    """Return what is wrong inside the construct that begins at ``start``."""
    sign = start.sign
    if sign in ("'", '"'):
        if here.at >= len(here.text.rstrip()):
            return start, f"the quote {sign} is not closed", _FOR_SIGN[sign]
        hint = "write \\\\ for a backslash, or use single quotes"
        return here, "this escape is not known in double quotes", hint
    if sign in ("[", "{"):
        closing = "]" if sign == "[" else "}"
        if here.line > start.line or not here.sign:
            return start, f"the bracket {sign} is not closed", None
        message = f"a comma or the closing {closing} is missing before this"
        braces = "inside [ ] and { } put a text that holds braces in quotes"
        return here, message, braces if "{" in here.row else None
    if sign in ("|", ">"):
        return here, f"nothing can follow {sign} on its line", "put the text on the lines below"
    if sign in ("&", "*", "!"):
        return start, f"a name must follow {sign}", _QUOTES
    return None


def _at_sign(here: _Place) -> _Found | None:
    """Return what is wrong with the character at this place."""
    sign = here.sign
    if sign == ":":
        hint = "put a text that contains ': ' in quotes, and indent all keys of a mapping alike"
        return here, "a key is not expected here", hint
    if sign == "-":
        hint = "start the list on the next line, or put the text in quotes"
        return here, "a list is not expected here", hint
    if sign and sign in "@`%*&!|>[]{},":
        return here, f"a value cannot begin with {sign}", _QUOTES
    if sign and here.before.strip():
        return here, "this does not belong to the value before it", "put the whole value in quotes"
    return None
