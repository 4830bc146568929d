"""Create classes of named tuples like `typing.NamedTuple`, at a fifth of its start-up cost.

`typing` compiles each annotation and the constructor of each class at import: 0.15 ms a class, a
tenth of a short ``torc run``. Here the methods are shared, and the constructor of a class is
compiled when several of its tuples were created. For type checkers it is the class of `typing`.
"""

from __future__ import annotations

from torc_tui.records import FEW

try:
    from _collections import _tuplegetter  # type: ignore[import-not-found]  # there is no stub
except ImportError:  # another Python than CPython
    from operator import itemgetter

    def _tuplegetter(place: int, _doc: str) -> object:
        return property(itemgetter(place))


TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any


class _Maker(type):
    """The class of `NamedTuple`: makes a class of tuples of each subclass."""

    def __new__(cls, name: str, bases: tuple[type, ...], content: dict[str, Any]) -> Any:
        if not bases:
            return super().__new__(cls, name, bases, content)
        names = tuple(content.get("__annotations__", ()))
        defaults = {one: content[one] for one in names if one in content}
        content |= {one: _tuplegetter(place, "") for place, one in enumerate(names)}
        content.setdefault("__repr__", _repr)
        content |= _METHODS
        content |= {"__slots__": (), "_fields": names, "__match_args__": names}
        content |= {"_field_defaults": defaults, "__new__": _constructor(name, names, defaults)}
        real = tuple(tuple if isinstance(base, _Maker) else base for base in bases)
        return type(name, real, content)


def _constructor(
    name: str, names: tuple[str, ...], defaults: dict[str, object]
) -> Callable[..., Any]:
    """Return the constructor of a class; it replaces itself by a compiled one."""
    left, number = FEW, len(names)

    def __new__(cls: Any, *args: object, **values: object) -> Any:
        nonlocal left
        left -= 1
        if left >= 0:
            given = args if len(args) == number else _arranged(names, defaults, args, values)
            if given is not None and (given is not args or not values):
                return tuple.__new__(cls, given)
        owner = next(one for one in cls.__mro__ if vars(one).get("_fields") is names)
        compiled = _compiled(name, names, defaults)
        owner.__new__ = staticmethod(compiled)
        return compiled(cls, *args, **values)

    return __new__


def _arranged(
    names: tuple[str, ...],
    defaults: dict[str, object],
    args: tuple[object, ...],
    values: dict[str, object],
) -> list[object] | None:
    """Return the values in the order of the fields; None if the arguments are wrong."""
    given = dict(zip(names, args, strict=False))
    if len(given) != len(args) or not given.keys().isdisjoint(values):
        return None
    given = defaults | given | values
    return [given[one] for one in names] if given.keys() == set(names) else None


def _compiled(name: str, names: tuple[str, ...], defaults: dict[str, object]) -> Callable[..., Any]:
    """Compile the constructor; it words the errors for wrong arguments."""
    parameters = [f"{one}=_defaults[{one!r}]" if one in defaults else one for one in names]
    values = "".join(f"{one}, " for one in names)
    space = {"_new": tuple.__new__, "_defaults": defaults}
    source = f"def __new__({', '.join(['_cls', *parameters])}):\n return _new(_cls, ({values}))"
    exec(compile(source, f"<{name}>", "exec"), space)
    function: Any = space["__new__"]
    function.__qualname__ = f"{name}.__new__"
    return function  # type: ignore[no-any-return]  # exec has no types


# -- methods of all classes ------------------------------------------------------------------------


def _make(cls: Any, values: Iterable[Any]) -> Any:
    made = tuple.__new__(cls, values)
    if len(made) != len(cls._fields):
        raise TypeError(f"Expected {len(cls._fields)} arguments, got {len(made)}")
    return made


def _replace(self: Any, /, **changes: Any) -> Any:
    made = self._make(map(changes.pop, self._fields, self))
    if changes:
        raise ValueError(f"Got unexpected field names: {list(changes)!r}")
    return made


def _as_dict(self: Any) -> dict[str, Any]:
    return dict(zip(self._fields, self, strict=True))


def _repr(self: Any) -> str:
    values = ", ".join(f"{name}={value!r}" for name, value in _as_dict(self).items())
    return f"{type(self).__name__}({values})"


def _values(self: Any) -> tuple[Any, ...]:
    return tuple(self)


_METHODS = {
    "_make": classmethod(_make), "_replace": _replace, "__replace__": _replace,
    "_asdict": _as_dict, "__getnewargs__": _values,
}  # fmt: skip

if TYPE_CHECKING:
    from typing import NamedTuple
else:

    class NamedTuple(metaclass=_Maker):
        """The base of classes of named tuples."""


__all__ = ["NamedTuple"]
