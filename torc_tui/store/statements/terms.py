"""Write statements as SQLAlchemy expressions with named parameters.

Input: columns of `torc_tui.store.schema`. Output: expressions that `torc_tui.store.generate`
compiles. Constants become literals in the SQL text, so that the partial indexes serve them; a
`Parameter` gets its value at each execution.

Invariant: a statement that changes ``job.status`` is made by `move` or `move_any`, which check it
against `status.TRANSITIONS`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Integer,
    Table,
    and_,
    case,
    cast,
    func,
    insert,
    literal_column,
    or_,
    select,
    update,
)
from sqlalchemy.engine.interfaces import Compiled
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.dml import Insert, Update
from sqlalchemy.sql.elements import ColumnElement, Label
from sqlalchemy.sql.expression import ClauseElement, Select
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeEngine

from torc_tui.records import dataclass, field
from torc_tui.status import TRANSITIONS, JobStatus, is_legal
from torc_tui.store.schema import job, workflow


class Parameter(ColumnElement[Any]):
    """A value that is given by name at each execution."""

    inherit_cache = True

    def __init__(self, name: str, type_: TypeEngine[Any], *, nullable: bool = False) -> None:
        self.name = name
        self.type = type_
        self.nullable = nullable


@compiles(Parameter)
def _mark(element: Parameter, compiler: Any, **_: Any) -> str:
    vars(compiler).setdefault("torc_parameters", []).append(element)
    return f"\x01{element.name}\x02"


def parameters_of(compiled: Compiled) -> list[Parameter]:
    """Return the parameters of a compiled statement, each as often as it is used."""
    found: list[Parameter] = vars(compiled).get("torc_parameters", [])
    return found


def param(
    of: str | Column[Any], type_: TypeEngine[Any] | None = None, *, name: str | None = None
) -> Any:
    """Return a parameter: named like a column and of its type, or with a name and a type."""
    if isinstance(of, str):
        return Parameter(of, type_ if type_ is not None else Integer())
    return Parameter(name or of.key, of.type)


def columns(table: Any, names: str) -> list[Any]:
    """Return columns of a table, in the order of ``names``; ``memory:memory_bytes`` renames one."""
    found = []
    for word in names.split():
        name, _, label = word.partition(":")
        found.append(table.c[name].label(label) if label else table.c[name])
    return found


def given(table: Table, names: str) -> dict[Column[Any], Parameter]:
    """Return parameters for these columns, to be written to them; None is a value for NULL."""
    columns = [table.c[name] for name in names.split()]
    return {one: Parameter(one.key, one.type, nullable=bool(one.nullable)) for one in columns}


def pick(table: Any, names: str, *conditions: ColumnElement[bool]) -> Select[Any]:
    """Return the statement that reads some `columns` of the rows that meet all conditions."""
    return select(*columns(table, names)).where(*conditions)


def change(table: Table, names: str, *conditions: ColumnElement[bool]) -> Update:
    """Return the statement that sets some columns of the rows that meet all conditions."""
    return update(table).where(*conditions).values(given(table, names))


def of_workflow(table: Any) -> ColumnElement[bool]:
    """Return the condition that a row belongs to a workflow, or is its row."""
    column = table.c.id if table is workflow else table.c.workflow_id
    belongs: ColumnElement[bool] = column == param("workflow_id")
    return belongs


def cleared(table: Table, names: str) -> dict[Column[Any], None]:
    """Return NULL for each of these columns."""
    return {table.c[name]: None for name in names.split()}


AS_CREATED: dict[Any, Any] = {
    **dict.fromkeys((job.c.unmet, job.c.unsuccessful, job.c.retries, job.c.lost), 0),
    job.c.ignored: False,
    **cleared(
        job,
        "compute_node_id pid process_started allocation stop_requested started_at ended_at"
        " return_code reason not_before",
    ),
    job.c.suspended: False,
}
"""Values of a job that was never started in this run; its attempts continue to count."""


class is_listed(FunctionElement[bool]):
    """The condition that a number or a text is in a list, given as a JSON parameter.

    Its parts are named, because SQLAlchemy numbers parts without a name by their address in memory.
    """

    type = Boolean()
    inherit_cache = True


@compiles(is_listed, "sqlite")
def _is_listed_sqlite(element: Any, compiler: Any, **options: Any) -> str:
    column, given = element.clauses
    listed = select(func.json_each(given).table_valued("value", name="listed").c.value)
    return str(compiler.process(column.in_(listed), **options))


@compiles(is_listed, "postgresql")
def _is_listed_postgresql(element: Any, compiler: Any, **options: Any) -> str:
    column, given = element.clauses
    texts = func.json_array_elements_text(cast(given, JSON))
    listed = select(cast(texts, column.type).label("value")).scalar_subquery()
    return str(compiler.process(column == func.any(func.array(listed)), **options))


class RequiredLabel(Label[Any]):
    """An expression of a row that is never NULL."""

    inherit_cache = True


def required(name: str, expression: ColumnElement[Any]) -> RequiredLabel:
    """Name an expression that is known to be never NULL."""
    return RequiredLabel(name, expression)


# -- statuses --------------------------------------------------------------------------------------


def has_status(column: ColumnElement[Any]) -> ColumnElement[bool]:
    """Return the condition that the bit of the status is set in the parameter ``statuses``."""
    bit: ColumnElement[int] = literal_column("1", Integer()).bitwise_lshift(column)
    return bit.bitwise_and(param("statuses", Integer())) > 0


def among(column: ColumnElement[Any], statuses: Iterable[JobStatus]) -> ColumnElement[bool]:
    """Return the condition that the status is one of these, in literals."""
    numbers = sorted(int(status) for status in statuses)
    return column == numbers[0] if len(numbers) == 1 else column.in_(numbers)


def _is_one_of(value: ColumnElement[Any], statuses: Iterable[JobStatus]) -> ColumnElement[bool]:
    """Return the condition that a value is one of these statuses, for a row that is found by id.

    SQLite makes a temporary table of a list of more than two, at each execution.
    """
    return or_(*(value == int(status) for status in sorted(statuses)))


def _check(sources: Iterable[JobStatus], target: JobStatus) -> None:
    for source in sources:
        if source is not target and not is_legal(source, target):
            raise ValueError(f"no job may change from {source.word} to {target.word}")


def move(target: JobStatus, sources: Iterable[JobStatus], *, keeps: bool = False) -> Update:
    """Return an update that moves jobs from one of ``sources`` to ``target``.

    ``keeps`` allows jobs that are in ``target`` already, so that their other columns are written.
    """
    sources = frozenset(sources)
    if target in sources and not keeps:
        raise ValueError(f"{target.word} is the status before and after")
    _check(sources, target)
    return update(job).where(among(job.c.status, sources)).values(status=int(target))


def move_any(sources: Iterable[JobStatus], targets: Iterable[JobStatus]) -> Update:
    """Return an update that moves jobs to the status of the parameter ``status``.

    Only legal moves from ``sources`` to ``targets`` change a row.
    """
    sources, status = frozenset(sources), param(job.c.status)
    moves = []
    for target in sorted(targets):
        legal = sorted(one for one in sources if target in TRANSITIONS[one])
        if not legal:
            raise ValueError(f"no job may become {target.word}")
        moves.append(and_(status == int(target), _is_one_of(job.c.status, legal)))
    everywhere = all(is_legal(source, target) for source in sources for target in targets)
    if everywhere:
        moves = [and_(_is_one_of(status, targets), _is_one_of(job.c.status, sources))]
    return update(job).where(or_(*moves)).values(status=status)


# -- kinds of statements ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Bulk:
    """Insert many rows of a table; on PostgreSQL with COPY. ``omitted`` columns stay empty."""

    table: Table
    omitted: frozenset[str] = frozenset()

    @property
    def columns(self) -> list[Column[Any]]:
        """Return the columns that are filled."""
        return [column for column in self.table.columns if column.name not in self.omitted]

    @property
    def expression(self) -> Insert:
        """Return the insert of one row."""
        values = {column: param(column) for column in self.columns}
        return insert(self.table).values(values).inline()

    @property
    def defaults(self) -> dict[str, Any]:
        """Return the values of columns that need not be given."""
        found: dict[str, Any] = {}
        for column in self.columns:
            if column.default is not None:
                found[column.name] = column.default.arg  # type: ignore[attr-defined] # a constant
            elif column.nullable:
                found[column.name] = None
        return found


def added(table: Table, omitted: str = "") -> Insert:
    """Return the statement that inserts one row, with all other columns as parameters."""
    names = [name for name in table.columns.keys() if name not in omitted.split()]  # noqa: SIM118
    return insert(table).values(given(table, " ".join(names))).inline()


@dataclass(frozen=True, slots=True)
class Paged:
    """A list that is filtered, sorted and cut as the caller asks."""

    select: Select[Any]
    sorts: Mapping[str, ColumnElement[Any]]
    filters: Mapping[str, ColumnElement[Any]] = field(default_factory=dict)
    """A filter applies if its name is given; a `Parameter` in it has that name."""


@dataclass(frozen=True, slots=True)
class ByDialect:
    """A statement that needs different words on the two databases, with equal parameters."""

    sqlite: ClauseElement
    postgresql: ClauseElement


# -- functions -------------------------------------------------------------------------------------


class byte_length(FunctionElement[int]):
    """The size of a text in bytes."""

    type = Integer()
    inherit_cache = True


@compiles(byte_length, "sqlite")
def _byte_length_sqlite(element: Any, compiler: Any, **options: Any) -> str:
    return f"length(CAST({compiler.process(element.clauses, **options)} AS BLOB))"


@compiles(byte_length, "postgresql")
def _byte_length_postgresql(element: Any, compiler: Any, **options: Any) -> str:
    return f"octet_length({compiler.process(element.clauses, **options)})"


def matches(column: Column[str]) -> ColumnElement[bool]:
    """Return the condition that a text matches the pattern of its name; case is ignored."""
    return func.lower(column).like(func.lower(param(column)))


def count_if(condition: ColumnElement[bool]) -> ColumnElement[int]:
    """Count the rows for which the condition holds."""
    return func.sum(case((condition, 1), else_=0))
