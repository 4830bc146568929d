"""Generate the SQL texts of the program from the expressions in `torc_tui.store.statements`.

    python -m torc_tui.store.generate            write the generated files
    python -m torc_tui.store.generate --check    exit with 1 if a file is out of date

Output, beside this module:

* ``generated/sqlite_CONCERN.py`` and ``generated/postgresql_CONCERN.py``: the statements of each
  module of `statements` by name, so that a command reads only what it needs;
* ``generated/sqlite_schema.py`` and ``generated/postgresql_schema.py``: a new database;
* ``sql.py``: the names of the statements, as the program uses them;
* ``sql.pyi``: the parameters and rows of each statement for type checkers.

Only this module, the migrations and the tests import SQLAlchemy: importing it costs as much time as
twenty interpreters.
"""

from __future__ import annotations

import importlib
import pkgutil
import re
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Boolean, Column, Dialect, literal_column
from sqlalchemy.dialects.postgresql.base import PGDialect
from sqlalchemy.dialects.sqlite.base import SQLiteDialect
from sqlalchemy.schema import CreateIndex, CreateTable
from sqlalchemy.sql import visitors
from sqlalchemy.sql.elements import ColumnElement, Label
from sqlalchemy.sql.expression import ClauseElement, Select
from sqlalchemy.sql.functions import count as count_function
from sqlalchemy.sql.selectable import Join

from torc_tui.store import schema, statements
from torc_tui.store.statements.terms import (
    Bulk,
    ByDialect,
    Paged,
    Parameter,
    RequiredLabel,
    parameters_of,
)

HERE = Path(__file__).parent
MARK = re.compile("\x01(\\w+)\x02")
WIDTH = 96


class _Sqlite(SQLiteDialect):
    supports_native_boolean = True  # "NOT held" instead of "held = 0", as in the partial indexes


DIALECTS: dict[str, Dialect] = {
    "sqlite": _Sqlite(paramstyle="qmark"),
    "postgresql": PGDialect(paramstyle="qmark"),  # type: ignore[no-untyped-call] # theirs
}
SIGNS = {"sqlite": "?", "postgresql": "$"}


@dataclass(frozen=True, slots=True)
class Entry:
    """A statement of the generated files."""

    name: str
    concern: str  # the module of `statements`
    kind: str  # statement, bulk or listing
    texts: dict[str, str]
    parameters: list[Parameter]
    columns: list[ColumnElement[Any]]
    outer: frozenset[str]
    extra: dict[str, Any]

    @property
    def handle(self) -> str:
        return f"{self.concern}.{self.name}"


def entries() -> list[Entry]:
    """Return all statements, sorted by name."""
    found: dict[str, Entry] = {}
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


def _entry(name: str, concern: str, value: ClauseElement | ByDialect | Bulk | Paged) -> Entry:
    if isinstance(value, Bulk):
        return _bulk(name, concern, value)
    if isinstance(value, Paged):
        return _listing(name, concern, value)
    if isinstance(value, ByDialect):
        each = (value.sqlite, value.postgresql)
    else:
        each = (value, value)
    by_dialect = dict(zip(DIALECTS, each, strict=True))
    parameters = _parameters(*each)
    texts = {
        dialect: _numbered(_compile(expression, dialect), parameters, SIGNS[dialect])
        for dialect, expression in by_dialect.items()
    }
    columns = _columns(name, each[0])
    extra = dict.fromkeys(DIALECTS)
    outer = _outer(each[0])
    return Entry(name, concern, "statement", texts, parameters, columns, outer, extra)


def _bulk(name: str, concern: str, value: Bulk) -> Entry:
    expression = value.expression
    parameters = _parameters(expression)
    names = ", ".join(f'"{column.name}"' for column in value.columns)
    texts = {
        "sqlite": _numbered(_compile(expression, "sqlite"), parameters, "?"),
        "postgresql": f"COPY {value.table.name} ({names}) FROM STDIN",
    }
    extra = dict.fromkeys(DIALECTS, value.defaults)
    return Entry(name, concern, "bulk", texts, parameters, [], frozenset(), extra)


def _listing(name: str, concern: str, value: Paged) -> Entry:
    texts, extra = {}, {}
    for dialect in DIALECTS:
        select = value.select
        if select.whereclause is None:
            select = select.where(literal_column("1 = 1"))
        texts[dialect] = _braced(_compile(select, dialect))
        filters = {key: _filter(select, one, dialect) for key, one in value.filters.items()}
        extra[dialect] = (filters, {key: _orders(value, key, dialect) for key in value.sorts})
    columns = _columns(name, value.select)
    return Entry(name, concern, "listing", texts, [], columns, _outer(value.select), extra)


def _columns(name: str, expression: Any) -> list[ColumnElement[Any]]:
    columns = list(getattr(expression, "exported_columns", ()))
    for column in columns:
        if not str(column.key).isidentifier() or re.search(r"_\d+$", str(column.key)):
            raise ValueError(f"{name}: the column {column} needs a label")
    return columns


def _filter(select: Select[Any], condition: ColumnElement[Any], dialect: str) -> str:
    """Return the text of one more condition; in its select, for subqueries refer to its tables."""
    base, whole = _compile(select, dialect), _compile(select.where(condition), dialect)
    if not whole.startswith(f"{base} AND "):
        raise ValueError(f"{base!r} does not end with its conditions")
    return _braced(whole[len(base) + len(" AND ") :])


def _orders(value: Paged, key: str, dialect: str) -> tuple[str, str]:
    """Return the order by ``key``, ascending and descending; ids decide between equal values."""
    own, first = value.sorts[key], value.sorts["id"]
    both = [own] if own is first else [own, first]
    return (
        ", ".join(_compile(one, dialect) for one in both),
        ", ".join(f"{_compile(one, dialect)} DESC" for one in both),
    )


def _compile(expression: ClauseElement, dialect: str) -> str:
    compiled = expression.compile(dialect=DIALECTS[dialect], compile_kwargs={"literal_binds": True})
    if compiled.params:
        raise ValueError(f"constants that are no literals: {compiled.params} in {compiled}")
    return re.sub(r"\s*\n\s*", " ", str(compiled)).strip()


def _parameters(*expressions: ClauseElement) -> list[Parameter]:
    """Return the parameters in the order in which the first text names them."""
    known: dict[str, Parameter] = {}
    for expression in expressions:
        compiled = expression.compile(dialect=DIALECTS["sqlite"])
        for one in parameters_of(compiled):
            if one.name not in known or not one.nullable:
                known[one.name] = one
    order = MARK.findall(_compile(expressions[0], "sqlite"))
    return [known[name] for name in dict.fromkeys([*order, *known])]


def _numbered(text: str, parameters: Sequence[Parameter], sign: str) -> str:
    numbers = {one.name: f"{sign}{i}" for i, one in enumerate(parameters, 1)}
    return MARK.sub(lambda match: numbers[match[1]], text)


def _braced(text: str) -> str:
    return MARK.sub(r"{\1}", text.replace("{", "{{").replace("}", "}}"))


def _outer(expression: ClauseElement) -> frozenset[str]:
    """Return the names of tables whose columns may be NULL because of an outer join."""
    found: set[str] = set()
    for element in visitors.iterate(expression):
        if isinstance(element, Join) and element.isouter:
            right = getattr(element.right, "name", None)
            if right is not None:
                found.add(str(right))
    return frozenset(found)


# -- schema ----------------------------------------------------------------------------------------


def schema_texts(dialect: str) -> list[str]:
    """Return the statements that create all tables and indexes."""
    form = DIALECTS[dialect]
    found: list[ClauseElement] = []
    for table in schema.metadata.sorted_tables:
        indexes = sorted(table.indexes, key=lambda one: str(one.name))
        found += [CreateTable(table), *(CreateIndex(one) for one in indexes)]
    return [re.sub(r"\s+", " ", str(one.compile(dialect=form))).strip() for one in found]


# -- Python files ----------------------------------------------------------------------------------

HEADER = (
    '"""{}\n\nGenerated by ``python -m torc_tui.store.generate``; do not edit.\n"""\n\n# fmt: off\n'
)


def files() -> dict[str, str]:
    """Return the generated files by name."""
    found = entries()
    texts = {"sql.py": _names(found), "sql.pyi": _types(found)}
    for dialect, title in (("sqlite", "SQLite"), ("postgresql", "PostgreSQL")):
        for concern in sorted({entry.concern for entry in found}):
            own = [entry for entry in found if entry.concern == concern]
            head = HEADER.format(f"Hold the SQL texts of `statements.{concern}` for {title}.")
            texts[f"generated/{dialect}_{concern}.py"] = head + _texts(own, dialect)
        head = HEADER.format(f"Hold the statements that create a database on {title}.")
        texts[f"generated/{dialect}_schema.py"] = head + _schema(dialect)
    return texts


def _texts(found: Iterable[Entry], dialect: str) -> str:
    lines = [
        "",
        "from __future__ import annotations",
        "",
        "# name: text, parameters, columns, kinds of columns, extra, parameters that are paths",
        "STATEMENTS: dict[str, tuple[object, ...]] = {",
    ]
    for entry in found:
        names = [column.key for column in entry.columns]
        kinds = {i: kind for i, one in enumerate(entry.columns) if (kind := _kind(one.type))}
        rest = (tuple(one.name for one in entry.parameters), tuple(names), kinds)
        lines.append(f'    "{entry.name}": (')
        lines += _string(entry.texts[dialect], 8)
        lines += [f"        {one!r}," for one in rest]
        lines += [f"        {line}" for line in _extra(entry.extra[dialect])]
        paths = tuple(one.name for one in entry.parameters if _kind(one.type) == "path")
        lines += [f"        {paths!r},"] if paths else []
        lines.append("    ),")
    return "\n".join([*lines, "}", ""])


def _schema(dialect: str) -> str:
    lines = [line for text in schema_texts(dialect) for line in _string(text, 4)]
    return "\n".join(["", "SCHEMA = (", *lines, ")", ""])


def _extra(extra: Any) -> list[str]:
    if not isinstance(extra, tuple):
        return [f"{extra!r},"]
    filters, sorts = extra
    lines = ["(", "    {"]
    for key, text in filters.items():
        lines += [f'        "{key}":', *_string(text, 12)]
    lines += ["    },", "    {"]
    lines += [f'        "{key}": {orders!r},' for key, orders in sorts.items()]
    return [*lines, "    },", "),"]


def _string(text: str, indent: int) -> list[str]:
    """Return the lines of a string literal, broken between words."""
    parts = [""]
    for word in re.findall(r"\S+\s*", text):
        if len(parts[-1]) + len(word) > WIDTH - indent:
            parts.append("")
        parts[-1] += word
    quoted = ['"' + part.replace("\\", "\\\\").replace('"', '\\"') + '"' for part in parts]
    return [f"{' ' * indent}{one}" for one in quoted[:-1]] + [f"{' ' * indent}{quoted[-1]},"]


def _names(found: Iterable[Entry]) -> str:
    lines = [f'{entry.name} = "{entry.handle}"' for entry in found]
    return "\n".join([HEADER.format("Name the statements of the database."), *lines, ""])


def _types(found: Sequence[Entry]) -> str:
    lines = [
        "",
        'R = TypeVar("R")',
        "",
        "class BulkInsert: ...",
        "class Listing(Generic[R]): ...",
        "",
    ]
    classes = _row_classes(found)
    for entry in found:
        row = classes.get(entry.name, "None")
        if row == _class_name(entry):
            lines.append(f"class {row}(NamedTuple):")
            lines += [f"    {name}: {type_}" for name, type_ in _fields(entry)]
        if entry.kind == "bulk":
            lines.append(f"{entry.name}: BulkInsert")
        elif entry.kind == "listing":
            lines.append(f"{entry.name}: Listing[{row}]")
        else:
            values = ", ".join(f"{one.name}: {_value_type(one)}" for one in entry.parameters)
            lines.append(f"def {entry.name}({'*, ' if values else ''}{values}) -> {row}: ...")
    text = "\n".join([*lines, ""])
    names = ["Any", "Generic", "NamedTuple", "TypeVar"]
    used = ", ".join(name for name in names if re.search(rf"\b{name}\b", text))
    head = HEADER.format("Declare the parameters and rows of the statements.")
    return f"{head}\nfrom typing import {used}\n{text}"


def _row_classes(found: Sequence[Entry]) -> dict[str, str]:
    """Return the name of the row class of each statement; equal rows of a module share one."""
    shared: dict[Any, list[Entry]] = {}
    for entry in found:
        if entry.columns:
            shared.setdefault((entry.concern, *_fields(entry)), []).append(entry)
    classes: dict[str, str] = {}
    for entries_ in shared.values():
        shortest = min(entries_, key=lambda entry: (len(entry.name), entry.name))
        classes |= {entry.name: _class_name(shortest) for entry in entries_}
    return classes


def _class_name(entry: Entry) -> str:
    return "".join(word.capitalize() for word in entry.name.split("_")) + "Row"


def _fields(entry: Entry) -> list[tuple[str, str]]:
    return [(str(one.key), _row_type(one, entry.outer)) for one in entry.columns]


def _value_type(parameter: Parameter) -> str:
    name = _python(parameter.type)
    return f"{name} | None" if parameter.nullable and name != "Any" else name


def _row_type(column: ColumnElement[Any], outer: frozenset[str]) -> str:
    name = _python(column.type)
    return name if name == "Any" or _is_required(column, outer) else f"{name} | None"


def _is_required(column: Any, outer: frozenset[str]) -> bool:
    if isinstance(column, RequiredLabel):
        return True
    if isinstance(column, Label):
        return _is_required(column.element, outer)
    if isinstance(column, count_function):
        return True
    if isinstance(column, Column):
        table = getattr(column.table, "name", None)
        return not column.nullable and table not in outer
    return False


def _kind(type_: Any) -> str:
    """Return how a value of this type differs from what the database holds."""
    if isinstance(type_, schema.JsonText):
        return "json"
    if isinstance(type_, schema.StatusNumber):
        return "status"
    if isinstance(type_, schema.ReasonText):
        return "reason"
    if isinstance(type_, schema.PathText):
        return "path"
    return "boolean" if isinstance(type_, Boolean) else ""


def _python(type_: Any) -> str:
    try:
        return str(type_.python_type.__name__)
    except NotImplementedError:
        return "Any"


def main(arguments: Sequence[str]) -> int:
    """Write the files, or check them."""
    expected = files()
    there = {f"generated/{path.name}" for path in (HERE / "generated").glob("*_*.py")}
    stale = sorted(there - {"generated/__init__.py", *expected})
    if "--check" not in arguments:
        for name in stale:
            (HERE / name).unlink()
    for name, text in expected.items():
        path = HERE / name
        if not path.exists() or path.read_text() != text:
            stale.append(name)
            if "--check" not in arguments:
                path.write_text(text)
    if "--check" in arguments and stale:
        sys.stderr.write(f"out of date: {', '.join(stale)}; run python -m {__spec__.name}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
