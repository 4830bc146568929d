"""Create record classes like `dataclasses`, at a thirtieth of its start-up cost.

`dataclasses` compiles six methods of each class at import, and imports `inspect`. Most commands
create records of few classes. Here the methods are shared, and the initializer of a class is
compiled when several of its records were created. For type checkers the names are those of
`dataclasses`. `torc_tui.tuples` does the same for named tuples.

Mutable default values need `default_factory`. A class without slots, such as a message of the app,
only gets its initializer: it can be neither frozen nor compared.
"""

from __future__ import annotations

from operator import attrgetter

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_REQUIRED = object()


class _Field:
    """A field of a record class: its name and its default value."""

    __slots__ = ("default", "default_factory", "is_keyword", "name")

    def __init__(
        self, *, default: object = _REQUIRED, default_factory: Callable[[], object] | None = None
    ) -> None:
        self.name = ""
        self.default = default
        self.default_factory = default_factory
        self.is_keyword = False


def _dataclass(
    *, slots: bool, frozen: bool = False, eq: bool = True, kw_only: bool = False
) -> Callable[[type[Any]], type[Any]]:
    """Return a decorator that turns a class with annotations into a record class."""

    def decorate(cls: type[Any]) -> type[Any]:
        content = {name: value for name, value in vars(cls).items() if name not in _OF_INSTANCES}
        inherited = getattr(cls, "_record_fields", {})
        own = {name: _own_field(content, name, kw_only) for name in cls.__annotations__}
        names = tuple(inherited | own)
        if not slots:
            cls._record_fields = inherited | own
            _initialize_late(cls, frozen=False)
            return cls
        content.update(__slots__=tuple(own), _record_fields=inherited | own)
        content["_record_values"] = attrgetter(*names or ("__class__",))
        content.setdefault("__match_args__", () if kw_only else names)
        content.setdefault("__repr__", _repr)
        content["__reduce__"] = _reduce
        if eq:
            content.update(__eq__=_is_equal, __hash__=_hash if frozen else None)
        if frozen:
            content.update(__setattr__=_refuse, __delattr__=_refuse)
        return _with_slots(cls, content, frozen)

    return decorate


_OF_INSTANCES = ("__dict__", "__weakref__")


def _own_field(content: dict[str, Any], name: str, is_keyword: bool) -> _Field:
    default = content.pop(name, _REQUIRED)
    field = default if default.__class__ is _Field else _Field(default=default)
    field.name, field.is_keyword = name, is_keyword
    return field


def _with_slots(cls: type[Any], content: dict[str, Any], frozen: bool) -> type[Any]:
    """Return the class with slots, and with an initializer."""
    metaclass: Any = type(cls)
    made: Any = metaclass(cls.__name__, cls.__bases__, content)
    made.__qualname__ = cls.__qualname__
    _initialize_late(made, frozen=frozen)
    return made  # type: ignore[no-any-return]  # a metaclass makes classes


FEW = 25
"""Number of records of a class that cost less than to compile its initializer."""


def _initialize_late(made: Any, *, frozen: bool) -> None:
    """Initialize the first records of a class without compiled code."""
    left = FEW

    def __init__(self: Any, *args: object, **values: object) -> None:
        nonlocal left
        left -= 1
        if left < 0 or not _assign(self, made, args, values):
            made.__init__ = _initializer(made, frozen)
            made.__init__(self, *args, **values)

    made.__init__ = __init__


def _assign(record: Any, cls: Any, args: tuple[object, ...], values: dict[str, object]) -> bool:
    """Set the fields of a record; return False if the arguments are wrong."""
    fields = cls._record_fields
    places = [name for name, one in fields.items() if not one.is_keyword]
    given = dict(zip(places, args, strict=False))
    if len(given) != len(args) or not given.keys().isdisjoint(values):
        return False
    given |= values
    if not given.keys() <= fields.keys():
        return False
    for name, one in fields.items():
        if name in given:
            value = given[name]
        elif one.default_factory is not None:
            value = one.default_factory()
        elif one.default is not _REQUIRED:
            value = one.default
        else:
            return False
        object.__setattr__(record, name, value)
    if hasattr(cls, "__post_init__"):
        record.__post_init__()
    return True


def _initializer(cls: Any, frozen: bool) -> Callable[..., None]:
    """Compile the initializer of a record class."""
    names: dict[str, object] = {"_REQUIRED": _REQUIRED}
    parameters, lines = ["self"], []
    for field in sorted(cls._record_fields.values(), key=lambda one: one.is_keyword):
        if field.is_keyword and "*" not in parameters:
            parameters.append("*")
        parameters.append(_parameter(field, names))
        value = name = field.name
        if field.default_factory is not None:
            value = f"_make_{name}() if {name} is _REQUIRED else {name}"
        if frozen:
            names[f"_set_{name}"] = getattr(cls, name).__set__
        lines.append(f"_set_{name}(self, {value})" if frozen else f"self.{name} = {value}")
    if hasattr(cls, "__post_init__"):
        lines.append("self.__post_init__()")
    body = "\n ".join(lines or ["pass"])
    source = f"def __init__({', '.join(parameters)}):\n {body}"
    exec(compile(source, f"<{cls.__qualname__}>", "exec"), names)
    compiled: Any = names["__init__"]
    compiled.__qualname__ = f"{cls.__qualname__}.__init__"
    return compiled  # type: ignore[no-any-return]  # exec has no types


def _parameter(field: _Field, names: dict[str, object]) -> str:
    """Return the parameter of a field; add its default value to the namespace of the code."""
    name = field.name
    if field.default_factory is not None:
        names[f"_make_{name}"] = field.default_factory
        return f"{name}=_REQUIRED"
    if field.default is _REQUIRED:
        return name
    names[f"_default_{name}"] = field.default
    return f"{name}=_default_{name}"


def _repr(self: Any) -> str:
    values = ", ".join(f"{name}={getattr(self, name)!r}" for name in self._record_fields)
    return f"{self.__class__.__qualname__}({values})"


def _is_equal(self: Any, other: Any) -> Any:
    if other.__class__ is not self.__class__:
        return NotImplemented
    return self._record_values(self) == self._record_values(other)


def _hash(self: Any) -> int:
    return hash(self._record_values(self))


def _reduce(self: Any) -> tuple[Callable[..., Any], tuple[type[Any], dict[str, object]]]:
    values = {name: getattr(self, name) for name in self._record_fields}
    return _restore, (self.__class__, values)


def _restore(cls: type[Any], values: dict[str, object]) -> Any:
    return cls(**values)


def _refuse(self: Any, name: str, _value: object = None) -> None:
    raise AttributeError(f"{self.__class__.__qualname__}.{name} cannot be changed")


def _replace(record: Any, /, **changes: object) -> Any:
    """Return a copy of the record with other values in some fields."""
    for name in record._record_fields:
        if name not in changes:
            changes[name] = getattr(record, name)
    return record.__class__(**changes)


def _fields(record: Any) -> tuple[_Field, ...]:
    """Return the fields of a record or of its class, in order."""
    return tuple(record._record_fields.values())


if TYPE_CHECKING:
    from dataclasses import dataclass, field, fields, replace
else:
    dataclass, field, fields, replace = _dataclass, _Field, _fields, _replace

__all__ = ["dataclass", "field", "fields", "replace"]
