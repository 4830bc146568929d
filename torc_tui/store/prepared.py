"""Prepare the named statements for a driver, and read the values of their rows by name.

Input: a statement of `torc_tui.store.sql`. Output: its text from `torc_tui.store.generated`, the
order of its parameters, and the class of its rows.

Invariant: nothing slow is imported here (SQLAlchemy, typing, dataclasses): every command passes
through here.
"""

from __future__ import annotations

from collections import _tuplegetter  # type: ignore[attr-defined] # the property of a namedtuple
from operator import itemgetter

from torc_tui.errors import UsageError
from torc_tui.store.encoding import decode_path, encode_path, loads

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    Arrange = Callable[[Mapping[str, Any]], tuple[Any, ...]]
    """Puts values by name into the order of the parameters of a statement."""


class StatementRow(tuple):  # type: ignore[type-arg] # the values of one row have different types
    """A row of a result.

    Values that are read by name (``row.status``) are booleans, paths, statuses and reasons; those
    of a row that is unpacked are as the database has them.
    """

    __slots__ = ()
    _fields: tuple[str, ...] = ()
    _kinds: Mapping[int, str] = {}

    def _asdict(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self._fields}

    def _replace(self, **changes: Any) -> StatementRow:
        """Return the row with other values, as the database would have them."""
        values = zip(self._fields, self, strict=True)
        return type(self)(changes.get(name, value) for name, value in values)

    def __repr__(self) -> str:
        values = ", ".join(f"{name}={value!r}" for name, value in self._asdict().items())
        return f"{type(self).__name__}({values})"


def record(row: Any) -> dict[str, Any]:
    """Return a row as programs read it: JSON and reasons decoded, statuses by their names."""
    found: dict[str, Any] = row._asdict()
    for place, kind in row._kinds.items():
        name = row._fields[place]
        if kind == "json" and row[place] is not None:
            found[name] = loads(row[place])
        elif kind == "status" and found[name] is not None:
            found[name] = found[name].word
    return found


class PreparedStatement:
    """A statement as one driver executes it. ``paths`` are the parameters that are paths."""

    __slots__ = ("arrange", "extra", "kinds", "names", "paths", "row", "text")

    def __init__(self, text: str, names: list[str], row: Any, extra: Any = None) -> None:
        """Take the names of parameters, each with its kind: ``output_dir:path``."""
        self.text = text
        self.kinds = dict(_name_and_kind(name) for name in names)
        self.names = tuple(self.kinds)
        self.paths = tuple(name for name, kind in self.kinds.items() if kind == "path")
        self.arrange = _arranger(self.names)
        if self.paths:
            self.arrange = _with_paths(self.arrange, self.paths)
        self.row = row
        self.extra = extra


def _name_and_kind(word: str) -> tuple[str, str]:
    name, _, kind = word.partition(":")
    return name, kind


def _arranger(names: tuple[str, ...]) -> Arrange:
    if len(names) > 1:
        return itemgetter(*names)
    if names:
        only = names[0]
        return lambda values: (values[only],)
    return lambda values: ()


def _with_paths(arrange: Arrange, paths: tuple[str, ...]) -> Arrange:
    """Encode the values that are paths before they are arranged."""

    def arranged(values: Mapping[str, Any]) -> tuple[Any, ...]:
        changed = {
            path: text for path in paths if (text := encode_path(values[path])) is not values[path]
        }
        return arrange({**values, **changed} if changed else values)

    return arranged


def _row_class(name: str, columns: list[str]) -> type[StatementRow]:
    """Return the class of the rows of a statement, from columns such as ``held:boolean``."""
    named = [_name_and_kind(column) for column in columns]
    members: dict[str, Any] = {
        "__slots__": (),
        "_fields": tuple(column for column, _ in named),
        "_kinds": {place: kind for place, (_, kind) in enumerate(named) if kind},
    }
    for place, (column, kind) in enumerate(named):
        decode = _decoder(kind)
        members[column] = property(_reader(place, decode)) if decode else _tuplegetter(place, "")
    return type(name, (StatementRow,), members)


def _decoder(kind: str) -> Callable[[Any], Any] | None:
    """Return what makes the value of a row from that of the database; None: they are the same."""
    if kind == "status":
        from torc_tui.status import JobStatus

        return list(JobStatus).__getitem__  # faster than calling the class
    if kind == "reason":
        from torc_tui.reasons import decode

        return decode
    decoders: dict[str, Callable[[Any], Any]] = {"boolean": bool, "path": decode_path}
    return decoders.get(kind)


def _reader(place: int, decode: Callable[[Any], Any]) -> Callable[[StatementRow], Any]:
    def read(row: StatementRow) -> Any:
        value = row[place]
        return None if value is None else decode(value)

    return read


used: dict[str, dict[str, PreparedStatement]] = {"sqlite": {}, "postgresql": {}}
"""Statements that were used, by dialect and name."""


def prepare(dialect: str, name: str) -> PreparedStatement:
    """Return a statement, loaded and kept in `used`; ``name`` is a value of `sql`."""
    concern, _, own = name.partition(".")
    module = __import__(f"torc_tui.store.generated.{concern}", fromlist=["STATEMENTS"])
    text, names, columns, extra = (*module.STATEMENTS[own], "", None)[:4]
    if dialect == "postgresql":
        text = module.POSTGRESQL.get(own, text)
        if isinstance(extra, dict):  # an insert of many rows
            text = _copy(text)
        text = text.replace("?", "$")
    row = _row_class(own, columns.split())
    found = used[dialect][name] = PreparedStatement(text, names.split(), row, extra)
    return found


def _copy(insert: str) -> str:
    """Return the COPY of PostgreSQL for ``INSERT INTO table (columns) VALUES (…)``."""
    return f"COPY {insert.removeprefix('INSERT INTO ').partition(' VALUES ')[0]} FROM STDIN"


def page(
    dialect: str, name: str, keys: tuple[str, ...], sort_by: str, reverse: bool
) -> PreparedStatement:
    """Return the statement of a page of a list: with the filters ``keys``, sorted and limited.

    Ids decide between equal values. Raise UsageError for an unknown ``sort_by``.
    """
    known = used[dialect]
    base = known.get(name) or prepare(dialect, name)
    filters, sorts = base.extra
    if sort_by not in sorts:
        raise UsageError(
            f"this list cannot be sorted by {sort_by!r}", hint=f"sort by one of {', '.join(sorts)}"
        )
    direction = " DESC" if reverse else ""
    order = ", ".join(one + direction for one in dict.fromkeys([sorts[sort_by], sorts["id"]]))
    key = f"{name} {' '.join(keys)} {order}"
    found = known.get(key)
    if found is None:
        parts = [base.text, *(filters[one] for one in keys if one in filters)]
        text = f"{' AND '.join(parts)} ORDER BY {order} LIMIT {{limit}} OFFSET {{offset}}"
        marks = _Marks("?" if dialect == "sqlite" else "$")
        text = text.format_map(marks)
        found = known[key] = PreparedStatement(text, list(marks), base.row)
    return found


class _Marks(dict[str, str]):
    """Number the parameters of a text in the order of their first use."""

    def __init__(self, sign: str) -> None:
        self.sign = sign

    def __missing__(self, name: str) -> str:
        mark = self[name] = f"{self.sign}{len(self) + 1}"
        return mark
