"""Set variables and parameters of a workflow file from outside, as ``--set NAME=VALUE`` does.

Input: a document, and values as text. Output: the document with these values in the place of its
own, wherever it declares the name; or SpecError for names that it does not declare.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from torc_tui.errors import Problem, SpecError
from torc_tui.quoting import quoted
from torc_tui.workflow_file.document import Document, List, Map
from torc_tui.workflow_file.values import suggestion

_SECTIONS = ("jobs", "files", "user_data")


def set_values(document: Document, given: Mapping[str, str]) -> None:
    """Replace the values of variables and parameters; raise SpecError for unknown names."""
    if not given or not isinstance(document.value, Map):
        return
    places = list(_places(document.value))
    known = {name for place in places for name in place}
    unknown = [name for name in given if name not in known]
    if unknown:
        raise SpecError(
            [
                Problem(
                    f"--set {name}: the file declares no variable or parameter {quoted(name)}",
                    file=document.file,
                    hint=suggestion(name, known, "declare it under variables or parameters"),
                )
                for name in unknown
            ]
        )
    for place in places:
        for name in place.keys() & given.keys():
            place[name] = given[name]
            if place.spelled:
                place.spelled.pop(name, None)


def _places(top: Map) -> Iterator[Map]:
    """Yield the mappings of the document that declare variables or parameters."""
    entries = [
        entry
        for section in _SECTIONS
        if isinstance(top.get(section), List)
        for entry in top[section]
        if isinstance(entry, Map)
    ]
    for declared in (top.get("variables"), *(one.get("parameters") for one in (top, *entries))):
        if isinstance(declared, Map):
            yield declared
