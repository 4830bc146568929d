"""Check the keys of one mapping of the file against a table, and collect what is wrong with it.

Input: a mapping as it was read, and its table. Output: the checked values by the present names of
their keys. Every error is added to the problems of the file, at its line; they become one SpecError
in the order of the file, bounded in number. The sections whose names are not all known are noted,
so that the plan reports none that follows from an error that is reported already.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from torc_tui.errors import Problem, SpecError
from torc_tui.model import Json, SourceLocation
from torc_tui.quoting import HINT_LENGTH, nearest, quoted, shorten
from torc_tui.workflow_file.document import MAX_PROBLEMS, List, Map
from torc_tui.workflow_file.key_tables import KeyTable
from torc_tui.workflow_file.schema import EXECUTION, JOB, REQUIREMENTS, WORKFLOW
from torc_tui.workflow_file.values import InvalidValue, kind_of

SECTIONS = (
    "jobs",
    "files",
    "user_data",
    "resource_requirements",
    "failure_handlers",
    "slurm_schedulers",
)
_SECTION_OF = {id(WORKFLOW.keys[key].table): key for key in SECTIONS}
_EXPANDING = frozenset(
    {
        *("parameters", "use_parameters", "parameter_mode", "variables"),
        *("parameters_file", "use_parameters_file"),
    }
)
_WRITING = frozenset(
    {"output_user_data", "output_user_data_regexes", "command", "invocation_script"}
)
"""Keys of a job that name records. A record that a job writes need not be declared, so without
these keys it is not known which records there are."""


class IncompleteSections:
    """The parts of a file with errors that are not known."""

    def __init__(self) -> None:
        """Begin with a file of which everything is known."""
        self.sections: set[str] = set()
        self.entries: set[int] = set()
        """The ``id`` of the entries that cannot be expanded."""
        self.all = False

    def unknown_key(self, entry: Mapping[str, Json], table: KeyTable, meant: str | None) -> None:
        """Note an unknown key; ``meant`` is the most similar known key."""
        if meant is not None:
            self.missing_value(entry, meant, table)
        elif table is WORKFLOW:
            self.all = True
        elif id(table) in _SECTION_OF:
            if "{" in str(entry.get("name")):
                self.entries.add(id(entry))
            if _SECTION_OF[id(table)] == "jobs":
                self.sections.add("user_data")

    def missing_value(self, entry: Mapping[str, Json], key: str, table: KeyTable) -> None:
        """Note a key whose value cannot be used."""
        key = table.aliases.get(key, key)
        if table is WORKFLOW:
            self.all = self.all or key in _EXPANDING
            if key in SECTIONS:
                self.dropped(key)
        elif key == "scheduler_type":  # the scheduler of an action is declared unless it is local
            self.dropped("slurm_schedulers")
        elif id(table) in _SECTION_OF:
            if key in _EXPANDING:
                self.entries.add(id(entry))
            if key in _WRITING and _SECTION_OF[id(table)] == "jobs":
                self.sections.add("user_data")

    def dropped(self, section: str) -> None:
        """Note that an entry of a section, or all of them, could not be read."""
        self.sections.add(section)
        if section == "jobs":
            self.sections.add("user_data")


_MESSAGE_LENGTH = 400


class FileProblems:
    """The problems of one file."""

    def __init__(self, file: str | None, found: Iterable[Problem] = ()) -> None:
        """Begin with the problems that a reader found."""
        self.file = file
        self.found: list[Problem] = []
        self.dropped = 0
        for problem in found:
            self._keep(problem)

    @property
    def full(self) -> bool:
        """Whether further problems are only counted, so that hints need not be computed."""
        return len(self.found) >= MAX_PROBLEMS

    def add(
        self,
        message: str,
        line: int | None = None,
        key: str | None = None,
        hint: str | None = None,
        kind: str = "invalid",
    ) -> None:
        """Add a problem at a line of the file."""
        shown = shorten(key) if key is not None else None
        message = shorten(message, _MESSAGE_LENGTH)
        hint = shorten(hint, HINT_LENGTH) if hint else None
        self._keep(Problem(message, file=self.file, line=line, key=shown, hint=hint, kind=kind))

    def _keep(self, problem: Problem) -> None:
        if self.full:
            self.dropped += 1
        else:
            self.found.append(problem)

    def raise_if_any(self) -> None:
        """Raise a SpecError where there are problems."""
        if self.found:
            raise self.error()

    def error(self) -> SpecError:
        """Return an error with all problems."""
        ordered = sorted(self.found, key=lambda problem: (problem.line is None, problem.line or 0))
        if self.dropped:
            message = f"and {self.dropped} more errors"
            ordered.append(Problem(message, file=self.file, kind="more"))
        return SpecError(ordered)


Fields = dict[str, Json]

_FEW_KEYS = 12
"""The hint for an unknown key lists the keys of a table with at most this number of keys."""


def label(entry: Map, table: KeyTable) -> str:
    """Return what an entry is called in messages: ``job 'train'``."""
    name = entry.get("name")
    return f"{table.what} {quoted(name)}" if isinstance(name, str) and name else table.what


_PLACES = {
    "workflow": "the workflow",
    "job": "a job",
    "resource requirements": "resource requirements",
    "execution_config": "execution_config",
}
"""What a table is about -> how a hint names the place of its keys."""


def _others_with(key: str) -> str | None:
    """Return where a key belongs that is unknown in its place; None if it is known nowhere."""
    found = [
        _PLACES[table.what]
        for table in (WORKFLOW, JOB, REQUIREMENTS, EXECUTION)
        if key in table.keys
    ]
    return " or ".join(found) or None


class FieldChecker:
    """Checks the mappings of one file."""

    def __init__(
        self, file: str | None, problems: FileProblems, incomplete: IncompleteSections
    ) -> None:
        """Take the name of the file, and the collectors of its problems."""
        self.file = file
        self.problems = problems
        self.incomplete = incomplete

    def fields(
        self, entry: Json, table: KeyTable, line: int | None = None, where: str = ""
    ) -> Fields | None:
        """Return the values of a mapping by the present names of their keys.

        The result is None if ``entry`` is no mapping; the message then names it ``where``.
        """
        if not isinstance(entry, Map):
            what = where or table.what
            self.problems.add(f"{what} must be a mapping, not {kind_of(entry)}", line)
            return None
        found: Fields = {}
        written: dict[str, str] = {}
        keys, aliases = table.keys, table.aliases
        for key, value in entry.items():
            name = key
            rule = keys.get(key)
            if rule is None:
                name = aliases.get(key, "")
                rule = keys.get(name)
            if rule is None:
                self._unknown(entry, key, table)
            elif value is None:
                continue
            elif name in written:
                message = f"means the same as {quoted(written[name])}"
                self.invalid(entry, key, table, InvalidValue(message, "keep one of them"))
            else:
                written[name] = key
                try:
                    found[name] = rule.check(value)
                except InvalidValue as invalid:
                    self.invalid(entry, key, table, invalid)
        self._require(entry, table, written)
        return found

    def _require(self, entry: Map, table: KeyTable, written: dict[str, str]) -> None:
        for name in table.required:
            if name not in written:
                message = f"{label(entry, table)}: the key '{name}' is missing"
                self.problems.add(message, entry.line, name, kind="missing-key")

    def _unknown(self, entry: Map, key: str, table: KeyTable) -> None:
        if key in table.gone or (table.free is not None and key.startswith(table.free)):
            return
        meant = None
        hint = table.removed.get(key)
        if hint is None and not self.problems.full:
            meant = nearest(key, [*table.keys, *table.aliases])
            if (others := _others_with(key)) is not None:
                hint = f"{quoted(key)} is a key of {others}"
            elif meant is not None:
                hint = f"did you mean {quoted(meant)}?"
            elif len(table.keys) <= _FEW_KEYS:
                hint = f"known keys: {', '.join(table.keys)}"
        self.incomplete.unknown_key(entry, table, meant)
        message = f"{label(entry, table)}: unknown key {quoted(key)}"
        self.problems.add(message, entry.lines.get(key, entry.line), key, hint, "unknown-key")

    def invalid(self, entry: Map, key: str, table: KeyTable, invalid: InvalidValue) -> None:
        """Report a value that cannot be used, at the line of the part that is wrong."""
        self.incomplete.missing_value(entry, key, table)
        value = entry.get(key)
        line = entry.lines.get(key, entry.line)
        item = invalid.item
        if isinstance(value, List) and isinstance(item, int) and item < len(value.lines):
            line = value.lines[item]
        elif isinstance(value, Map) and isinstance(item, str):
            line = value.lines.get(item, line)
        message = f"{label(entry, table)}: {quoted(key)} {invalid.message}"
        self.problems.add(message, line, key, invalid.hint)

    def source(self, entry: Map) -> SourceLocation:
        """Return the place of an entry in the file."""
        return SourceLocation(self.file, entry.line, entry.lines)
