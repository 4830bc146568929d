"""Compile the expressions of `torc_tui.store.statements` and `schema` to SQL.

Output: one text for both databases where possible. It is the SQL of SQLite, with parameters ``?1``;
PostgreSQL uses ``$1`` instead. A statement has a separate text for PostgreSQL only if its SQL
differs.
"""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Sequence
from typing import Any

from sqlalchemy import literal_column
from sqlalchemy.dialects.postgresql.base import PGCompiler, PGDialect, PGIdentifierPreparer
from sqlalchemy.dialects.sqlite.base import SQLiteCompiler, SQLiteDialect, SQLiteIdentifierPreparer
from sqlalchemy.schema import CreateIndex, CreateTable
from sqlalchemy.sql import visitors
from sqlalchemy.sql.elements import ColumnElement
from sqlalchemy.sql.expression import ClauseElement, Select
from sqlalchemy.sql.selectable import Join

from torc_tui.records import dataclass
from torc_tui.store import schema, statements
from torc_tui.store.statements.terms import Bulk, ByDialect, Paged, Parameter, parameters_of

POSTGRESQL_WORDS = {
    "result ( id INTEGER": "result ( id SERIAL",
    " WITHOUT ROWID": "",
    "BLOB": "BYTEA",
}
"""What differs between the schemas of SQLite and PostgreSQL."""
_MARK = re.compile("\x01(\\w+)\x02")
_RESERVED = SQLiteIdentifierPreparer.reserved_words | PGIdentifierPreparer.reserved_words


class _SqlitePreparer(SQLiteIdentifierPreparer):
    reserved_words = _RESERVED


class _SqliteCompiler(SQLiteCompiler):
    """Writes what PostgreSQL understands, too."""

    def limit_clause(self, select: Any, **options: Any) -> str:
        compiler: Any = PGCompiler
        return str(compiler.limit_clause(self, select, **options))

    def visit_false(self, expr: Any, **_: Any) -> str:
        return "false"


class _Sqlite(SQLiteDialect):
    supports_native_boolean = True  # "NOT held" instead of "held = 0", as in the partial indexes
    preparer = _SqlitePreparer
    statement_compiler = _SqliteCompiler


class _PostgresqlPreparer(PGIdentifierPreparer):
    reserved_words = _RESERVED


class _PostgresqlCompiler(PGCompiler):
    """Writes what SQLite understands, too."""

    def returning_clause(self, *arguments: Any, **options: Any) -> str:
        return str(super().returning_clause(*arguments, **options, include_table=False))


class _Postgresql(PGDialect):
    preparer = _PostgresqlPreparer
    statement_compiler = _PostgresqlCompiler


_SQLITE = _Sqlite(paramstyle="qmark")
_POSTGRESQL = _Postgresql(paramstyle="qmark")  # type: ignore[no-untyped-call] # theirs


@dataclass(frozen=True, slots=True)
class CompiledStatement:
    """A compiled statement.

    ``concern`` is its module in `statements`. ``extra`` are the default values of a bulk insert, or
    the filters and sort orders of a list.
    """

    name: str
    concern: str
    kind: str  # statement, bulk or listing
    text: str
    postgresql: str | None
    parameters: list[Parameter]
    columns: list[ColumnElement[Any]]
    outer: frozenset[str]
    extra: Any = None

    @property
    def handle(self) -> str:
        """Return the value of the name in `torc_tui.store.sql`."""
        return f"{self.concern}.{self.name}"


def entries() -> list[CompiledStatement]:
    """Return all statements, sorted by name."""
    found: dict[str, CompiledStatement] = {}
    for module in pkgutil.iter_modules(statements.__path__):
        namespace = vars(importlib.import_module(f"{statements.__name__}.{module.name}"))
        for name, value in namespace.items():
            if not re.fullmatch(r"[A-Z][A-Z0-9_]*", name):
                continue
            if isinstance(value, (ClauseElement, ByDialect, Bulk, Paged)):
                if name in found:  # also a name that one module imports from another
                    raise ValueError(f"two statements of the name {name}")
                found[name] = _entry(name, module.name, value)
    return [found[name] for name in sorted(found)]


def _entry(
    name: str, concern: str, value: ClauseElement | ByDialect | Bulk | Paged
) -> CompiledStatement:
    if isinstance(value, Bulk):
        parameters = _parameters(value.expression)
        text = _numbered(_compile(value.expression, _SQLITE), parameters)
        return CompiledStatement(
            name, concern, "bulk", text, None, parameters, [], frozenset(), value.defaults
        )
    if isinstance(value, Paged):
        return _listing(name, concern, value)
    sqlite, postgresql = (
        (value.sqlite, value.postgresql) if isinstance(value, ByDialect) else (value, value)
    )
    parameters = _parameters(sqlite, postgresql)
    text = _numbered(_compile(sqlite, _SQLITE), parameters)
    other: str | None = _numbered(_compile(postgresql, _POSTGRESQL), parameters)
    if other == text:
        other = None
    columns = _columns(name, sqlite)
    return CompiledStatement(
        name, concern, "statement", text, other, parameters, columns, _outer(sqlite)
    )


def _listing(name: str, concern: str, value: Paged) -> CompiledStatement:
    select = value.select
    if select.whereclause is None:
        select = select.where(literal_column("1 = 1"))
    text = _same(select)
    filters = {key: _filter(select, one, text) for key, one in value.filters.items()}
    sorts = {key: _same(one) for key, one in value.sorts.items()}
    columns, outer = _columns(name, value.select), _outer(value.select)
    return CompiledStatement(
        name, concern, "listing", text, None, [], columns, outer, (filters, sorts)
    )


def _columns(name: str, expression: Any) -> list[ColumnElement[Any]]:
    columns = list(getattr(expression, "exported_columns", ()))
    for column in columns:
        if not str(column.key).isidentifier() or re.search(r"_\d+$", str(column.key)):
            raise ValueError(f"{name}: the column {column} needs a label")
    return columns


def _filter(select: Select[Any], condition: ColumnElement[Any], base: str) -> str:
    """Return the text of one more condition of a select, whose tables its subqueries name."""
    whole = _same(select.where(condition))
    if not whole.startswith(f"{base} AND "):
        raise ValueError(f"{base!r} does not end with its conditions")
    return whole[len(base) + len(" AND ") :]


def _same(expression: ClauseElement) -> str:
    """Return the text of a part of a list, which is equal on both databases."""
    text = _compile(expression, _SQLITE)
    if text != _compile(expression, _POSTGRESQL):
        raise ValueError(f"a list must have one text for both databases: {text}")
    return _MARK.sub(r"{\1}", text.replace("{", "{{").replace("}", "}}"))


def _compile(expression: ClauseElement, dialect: Any) -> str:
    compiled = expression.compile(dialect=dialect, compile_kwargs={"literal_binds": True})
    if compiled.params:
        raise ValueError(f"constants that are no literals: {compiled.params} in {compiled}")
    text = re.sub(r"\s*\n\s*", " ", str(compiled)).strip()
    if "?" in text:
        raise ValueError(f"? begins a parameter: {text}")
    return text


def _parameters(*expressions: ClauseElement) -> list[Parameter]:
    """Return the parameters in the order in which the first text names them."""
    known: dict[str, Parameter] = {}
    for expression in expressions:
        compiled = expression.compile(dialect=_SQLITE)
        for one in parameters_of(compiled):
            if one.name not in known or not one.nullable:
                known[one.name] = one
    order = _MARK.findall(_compile(expressions[0], _SQLITE))
    return [known[name] for name in dict.fromkeys([*order, *known])]


def _numbered(text: str, parameters: Sequence[Parameter]) -> str:
    numbers = {one.name: f"?{i}" for i, one in enumerate(parameters, 1)}
    return _MARK.sub(lambda match: numbers[match[1]], text)


def _outer(expression: ClauseElement) -> frozenset[str]:
    """Return the names of tables whose columns may be NULL because of an outer join."""
    found: set[str] = set()
    for element in visitors.iterate(expression):
        if isinstance(element, Join) and element.isouter:
            right = getattr(element.right, "name", None)
            if right is not None:
                found.add(str(right))
    return frozenset(found)


def schema_texts() -> list[str]:
    """Return the statements that create all tables and indexes on SQLite."""
    found: list[ClauseElement] = []
    for table in schema.metadata.sorted_tables:
        indexes = sorted(table.indexes, key=lambda one: str(one.name))
        found += [CreateTable(table), *(CreateIndex(one) for one in indexes)]
    texts = []
    for element in found:
        text, other = (
            re.sub(r"\s+", " ", str(element.compile(dialect=dialect))).strip()
            for dialect in (_SQLITE, _POSTGRESQL)
        )
        if for_postgresql(text) != other:
            raise ValueError(f"{text!r} differs from {other!r} in more than POSTGRESQL_WORDS")
        texts.append(text)
    return texts


def for_postgresql(text: str) -> str:
    """Return a statement that creates a table as PostgreSQL needs it."""
    for word, other in POSTGRESQL_WORDS.items():
        text = text.replace(word, other)
    return text
