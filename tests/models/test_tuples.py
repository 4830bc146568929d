"""Classes of named tuples behave like those of `typing`, without the cost of its import."""

from __future__ import annotations

import copy
import pickle
import typing
from collections.abc import Callable
from typing import Any, Generic, TypeVar

import pytest

from torc_tui import tuples
from torc_tui.operations.user_action import Confirmation

T = TypeVar("T")


def point(base: Any) -> Any:
    """Return a class with one of the two bases."""

    class Point(base):  # type: ignore[misc]  # made at run time
        """A point with a list of marks."""

        x: int
        y: float = 0.5
        marks: tuple[str, ...] = ()

        @property
        def doubled(self) -> int:
            return self.x * 2  # type: ignore[no-any-return]

        def shifted(self, by: int) -> Any:
            return self._replace(x=self.x + by)

    return Point


@pytest.fixture(params=["typing", "tuples", "compiled tuples"])
def base(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Any:
    if request.param == "compiled tuples":
        monkeypatch.setattr(tuples, "FEW", 0)
    return typing.NamedTuple if request.param == "typing" else tuples.NamedTuple


def test_values(base: Any) -> None:
    cls = point(base)
    one = cls(3, marks=("a",))
    assert one == (3, 0.5, ("a",)) and (one.x, one.y, one.marks) == tuple(one)
    assert cls(3, 0.5, ("a",)) == one == cls(y=0.5, x=3, marks=("a",))
    assert repr(one) == "Point(x=3, y=0.5, marks=('a',))"
    assert one._asdict() == {"x": 3, "y": 0.5, "marks": ("a",)}
    assert cls._fields == ("x", "y", "marks") and cls._field_defaults == {"y": 0.5, "marks": ()}
    assert (one.doubled, one.shifted(1).x, cls.__doc__) == (6, 4, "A point with a list of marks.")
    assert type(cls) is type and cls.__mro__[1:] == (tuple, object)


@pytest.mark.parametrize(
    ("arguments", "values"),
    [((), {}), ((1, 2, (), 4), {}), ((1,), {"x": 2}), ((1, 2, ()), {"x": 2}), ((1,), {"z": 2})],
    ids=["missing", "extra", "twice", "all, and twice", "unknown"],
)
def test_wrong_arguments(base: Any, arguments: tuple[Any, ...], values: dict[str, Any]) -> None:
    with pytest.raises(TypeError, match=r"(Point\.)?__new__\(\)"):
        point(base)(*arguments, **values)


def test_make_and_replace(base: Any) -> None:
    cls = point(base)
    assert cls._make([1, 2, ()]) == cls(1, 2, ())
    with pytest.raises(TypeError, match="Expected 3 arguments"):
        cls._make([1])
    with pytest.raises((TypeError, ValueError), match="z"):
        cls(1)._replace(z=1)


def test_nothing_else_can_be_set(base: Any) -> None:
    one = point(base)(1)
    for name in ("x", "z"):
        with pytest.raises(AttributeError):
            setattr(one, name, 2)


def test_matching(base: Any) -> None:
    cls = point(base)
    match cls(1, 2.0):
        case cls(x, y, marks=()):
            assert (x, y) == (1, 2.0)
        case _:
            raise AssertionError


def test_inheritance_and_generic_classes(base: Any) -> None:
    class Named(point(base)):  # type: ignore[misc]  # made at run time
        """A point with another constructor."""

        def __new__(cls, name: str) -> Any:
            return super().__new__(cls, len(name))

    class Pair(base, Generic[T]):  # type: ignore[misc]  # made at run time
        """Two values of one type."""

        one: T
        two: T

        def __str__(self) -> str:
            return f"{self.one} and {self.two}"

    for _ in range(tuples.FEW + 2):
        assert Named("abc").x == 3 and type(Named("abc")) is Named
        assert str(Pair(1, 2)) == "1 and 2"
        assert Pair[int](1, 2) == (1, 2)


@pytest.mark.parametrize(
    "duplicate", [copy.copy, copy.deepcopy, lambda one: pickle.loads(pickle.dumps(one))]
)
def test_copies(duplicate: Callable[[Confirmation], Confirmation]) -> None:
    found = Confirmation("it runs")
    assert duplicate(found) == found and type(duplicate(found)) is Confirmation


def test_the_constructor_is_compiled_after_some_tuples() -> None:
    cls = point(tuples.NamedTuple)
    made = [cls(number) for number in range(tuples.FEW + 2)]
    assert [one.x for one in made] == [*range(tuples.FEW + 2)]
    assert cls.__new__.__code__.co_varnames == ("_cls", "x", "y", "marks")
