"""Record classes behave like those of `dataclasses`, without the cost of its import."""

from __future__ import annotations

import copy
import dataclasses
import pickle
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from torc_tui import records
from torc_tui.model import JobLimits


def point(module: Any, **options: Any) -> Any:
    """Return a class made by one of the two modules."""

    @module.dataclass(slots=True, **options)
    class Point:
        """A point with a list of marks."""

        x: int
        y: float = 0.5
        marks: list[str] = module.field(default_factory=list)

        def shifted(self, by: int) -> Any:
            return module.replace(self, x=self.x + by)

    return Point


@pytest.fixture(params=["dataclasses", "records", "compiled records"])
def module(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Any:
    if request.param == "compiled records":
        monkeypatch.setattr(records, "FEW", 0)
    return dataclasses if request.param == "dataclasses" else records


def test_values(module: Any) -> None:
    one = point(module)(3, marks=["a"])
    assert (one.x, one.y, one.marks) == (3, 0.5, ["a"])
    assert repr(one).endswith("Point(x=3, y=0.5, marks=['a'])")
    assert [field.name for field in module.fields(one)] == ["x", "y", "marks"]
    assert [field.default for field in module.fields(type(one))][1] == 0.5


def test_default_factory(module: Any) -> None:
    cls = point(module)
    cls(1).marks.append("a")
    assert cls(1).marks == []


@pytest.mark.parametrize(
    ("arguments", "values"),
    [((), {}), ((1, 2, [], 4), {}), ((1,), {"x": 2}), ((1,), {"z": 2}), ((), {"y": 2})],
    ids=["missing", "extra", "twice", "unknown", "missing keyword"],
)
def test_wrong_arguments(module: Any, arguments: tuple[Any, ...], values: dict[str, Any]) -> None:
    with pytest.raises(TypeError, match="Point"):
        point(module)(*arguments, **values)


def test_a_class_without_slots_gets_an_initializer(module: Any) -> None:
    class Base:
        """It must be initialized, too."""

        def __post_init__(self) -> None:
            self.is_complete = True

    @module.dataclass(slots=False)
    class Clicked(Base):
        """A message of the app."""

        what: str
        times: int = 1

    one = Clicked("x", times=2)
    assert (one.what, one.times, one.is_complete, Clicked("y").times) == ("x", 2, True, 1)
    with pytest.raises(TypeError, match="Clicked"):
        Clicked()  # type: ignore[call-arg]


def test_the_initializer_is_compiled_after_some_records() -> None:
    cls = point(records)
    made = [cls(number, marks=[]) for number in range(records.FEW + 2)]
    assert [one.x for one in made] == [*range(records.FEW + 2)]
    assert cls.__init__.__code__.co_varnames == ("self", "x", "y", "marks")


def test_keywords(module: Any) -> None:
    cls = point(module, kw_only=True)
    assert cls(x=1).x == 1 and cls.__match_args__ == ()
    with pytest.raises(TypeError):
        cls(1)


def test_equality(module: Any) -> None:
    cls, other = point(module), point(module)
    assert cls(1) == cls(1) != cls(2)
    assert cls(1) != other(1)
    with pytest.raises(TypeError):
        hash(cls(1))
    assert (same := point(module, eq=False)(1)) == same != type(same)(1)


def test_frozen(module: Any) -> None:
    cls = point(module, frozen=True)
    one = cls(1, 2.0, ())
    assert {one: 1}[cls(1, 2.0, ())] == 1
    with pytest.raises(AttributeError, match="x"):
        one.x = 2
    with pytest.raises(AttributeError, match="x"):
        del one.x
    assert one.shifted(2) == cls(3, 2.0, ())


def test_slots(module: Any) -> None:
    one = point(module)(1)
    with pytest.raises(AttributeError):
        one.z = 1


def test_matching(module: Any) -> None:
    cls = point(module)
    match cls(1, 2.0):
        case cls(x, y):
            assert (x, y) == (1, 2.0)


def test_inheritance(module: Any) -> None:
    base = point(module, frozen=True, kw_only=True)

    @module.dataclass(frozen=True, slots=True)
    class Named(base):  # type: ignore[misc]  # made at run time
        """A point with a name."""

        name: str

        def __post_init__(self) -> None:
            assert self.name

    one = Named("p", x=1)
    assert [field.name for field in module.fields(one)] == ["x", "y", "marks", "name"]
    assert (one.name, one.x, one.y) == ("p", 1, 0.5)
    assert one != Named("q", x=1)
    with pytest.raises(AssertionError):
        Named("", x=1)


@pytest.mark.parametrize(
    "duplicate", [copy.copy, lambda one: pickle.loads(pickle.dumps(one))], ids=["copy", "pickle"]
)
def test_copies(duplicate: Callable[[JobLimits], JobLimits]) -> None:
    limits = JobLimits(memory=7)
    assert (found := duplicate(limits)) == limits and found is not limits


def test_no_fields(module: Any) -> None:
    @module.dataclass(frozen=True, slots=True)
    class Gone:
        """Nothing is left."""

    assert Gone() == Gone() and hash(Gone()) == hash(Gone()) and repr(Gone()).endswith("Gone()")


def test_imports() -> None:
    code = "import sys, torc_tui.model; print({'dataclasses', 'inspect'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
