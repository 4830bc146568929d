"""Warn about braces that are not replaced although they look like a placeholder.

Input: the entries of a file as written, before variables and parameters are filled in. Output: a
warning for each ``{name}`` that is like a declared name, that is a parameter of other entries only,
or that stands outside all quotes of a command.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence

from torc_tui.errors import Problem
from torc_tui.lazy_regex import regex
from torc_tui.model import Json
from torc_tui.quoting import HINT_LENGTH, nearest, quoted, shorten
from torc_tui.shell_text import plain_text
from torc_tui.workflow_file.document import List, Map

_BRACES = regex(
    r"\{\{(?P<escaped>[A-Za-z_][\w-]*)\}\}|(?<!\$)\{(?P<name>[A-Za-z_]\w*)(?::[^{}\s]*)?\}"
)
_DOUBLE_QUOTED = regex(r'"((?:\\.|[^"\\])*)"')
_PROGRAM = regex(r"(?:\s-\w*[ce]|\b(?:awk|gawk|mawk|jq|sed|perl)(?:\s+-\S+)*)\s*$")
"""Text before a quoted program, which has a meaning for braces itself."""

_KEYS = {"jobs": ("name", "command"), "files": ("name", "path")}


def lint_braces(
    top: Map, file: str | None, columns: Callable[[Json], Sequence[str]]
) -> list[Problem]:
    """Return the warnings of a file, each name once for each entry.

    ``columns`` returns the columns of the table that a ``parameters_file`` names.
    """
    everywhere = {*_names(top.get("parameters")), *_names(top.get("variables"))}
    entries = [
        (section, entry, _own_parameters(top, entry, columns))
        for section in _KEYS
        if isinstance(top.get(section), List)
        for entry in top[section]
        if isinstance(entry, Map)
    ]
    declared = everywhere.union(*(own for _, entry, own in entries if _declares(entry)))
    found = []
    for section, entry, own in entries:
        first, second = _KEYS[section]
        if "{" in str(entry.get(first)) or "{" in str(entry.get(second)):
            linter = _EntryLinter(top, section, entry, own, declared)
            found += [problem._replace(file=file) for problem in linter.problems()]
    return found


def _declares(entry: Map) -> bool:
    return "parameters" in entry or "parameters_file" in entry


def _own_parameters(
    top: Map, entry: Map, columns: Callable[[Json], Sequence[str]]
) -> Sequence[str]:
    """Return the names of the parameters of an entry."""
    if "parameters_file" in entry:
        return columns(entry["parameters_file"])
    if entry.get("use_parameters_file") is True:
        return columns(top.get("parameters_file"))
    used = entry.get("use_parameters")
    shared = (used,) if isinstance(used, str) else used if isinstance(used, List) else ()
    own = _names(entry.get("parameters"))
    return [*(own or [name for name in shared if isinstance(name, str)])]


def _names(value: Json) -> Collection[str]:
    return tuple(value) if isinstance(value, Map) else ()


class _EntryLinter:
    """A check of the braces of one entry."""

    def __init__(
        self, top: Map, section: str, entry: Map, own: Sequence[str], declared: set[str]
    ) -> None:
        self.section = section
        self.entry = entry
        self.declared = declared
        self.own = own
        self.known = {*self.own, *_names(top.get("variables"))}
        self.seen: set[str] = set()

    def problems(self) -> Iterator[Problem]:
        """Yield the warnings."""
        for key in _KEYS[self.section]:
            text = self.entry.get(key)
            for match in _BRACES.finditer(text) if isinstance(text, str) else ():
                name = match["name"]
                if name is not None and name not in self.known and name not in self.seen:
                    self.seen.add(name)
                    yield from self.problem(key, match.string, match.group(), name)

    def problem(self, key: str, text: str, written: str, name: str) -> Iterator[Problem]:
        """Yield a warning about one name, unless the braces look intended."""
        near = nearest(name, self.known)
        is_plain = key != "command" or _is_plain(text, written, in_quotes=bool(self.own))
        if name not in self.declared and near is None and not is_plain:
            return
        what = "job" if self.section == "jobs" else "file"
        called = quoted(str(self.entry.get("name")))
        message = (
            f"{quoted(written)} is not replaced in the {key} of {what} {called}:"
            " it has no such parameter"
        )
        hint = None
        if near is not None:
            hint = f"did you mean {{{shorten(near)}}}?"
        elif self.own:
            hint = shorten(f"its parameters: {', '.join(self.own)}", HINT_LENGTH)
        line = self.entry.lines.get(key, self.entry.line)
        yield Problem(message, None, line, None, key, hint, "parameter-left")


def _is_plain(command: str, written: str, *, in_quotes: bool) -> bool:
    """Return whether braces stand outside all quotes of a command without here-documents.

    With ``in_quotes``, double quotes that do not hold a program count as plain.
    """
    if "<<" in command:
        return False
    if written in plain_text(command):
        return True
    return in_quotes and any(
        written in match[1]
        and "'" not in match[1]
        and not _PROGRAM.search(command, 0, match.start())
        for match in _DOUBLE_QUOTED.finditer(command)
    )
