"""The merge of two changed versions of a JSON value: examples, and what always holds."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from torc_tui.model import Json
from torc_tui.views.json_diff import diff, same
from torc_tui.views.json_merge import ABSENT, MergeSide, merge

LEAVES = st.none() | st.booleans() | st.integers(-2, 2) | st.sampled_from([1.0, "", "x"])
VALUES = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abcd"), inner, max_size=4)
    ),
    max_leaves=10,
)


@pytest.mark.parametrize(
    ("base", "mine", "theirs", "merged"),
    [
        ({"a": 1, "b": 2}, {"a": 5, "b": 2}, {"a": 1, "b": 7}, {"a": 5, "b": 7}),
        ({"a": {"x": 1}}, {"a": {"x": 1, "y": 2}}, {"a": {"x": 3}}, {"a": {"x": 3, "y": 2}}),
        ({"a": 1}, {}, {"a": 1, "b": 2}, {"b": 2}),
        ({"a": 1}, {"a": 2}, {"a": 2}, {"a": 2}),
        (None, {"a": 1}, {"b": 2}, {"a": 1, "b": 2}),
        ([1, 2], [1, 2, 3], [1, 2], [1, 2, 3]),
        ({}, {"a": {"x": 1}}, {"a": {"y": 2}}, {"a": {"x": 1, "y": 2}}),
    ],
    ids=["apart", "nested", "deleted", "equal", "null", "array", "both-new"],
)
def test_merged_without_conflict(base: Any, mine: Any, theirs: Any, merged: Any) -> None:
    found = merge(base, mine, theirs)
    assert found.conflicts == [] and found.value == merged


@pytest.mark.parametrize(
    ("base", "mine", "theirs", "conflict"),
    [
        ({"a": {"x": 1}}, {"a": {"x": 2}}, {"a": {"x": 3}}, (("a", "x"), 1, 2, 3)),
        ({"a": 1}, {}, {"a": 3}, (("a",), 1, ABSENT, 3)),
        ({}, {"a": 2}, {"a": 3}, (("a",), ABSENT, 2, 3)),
        ({"a": [1, 2]}, {"a": [0, 1, 2]}, {"a": [1, 2, 3]},
         (("a",), [1, 2], [0, 1, 2], [1, 2, 3])),
        (1, 2, True, ((), 1, 2, True)),
        ({"a": 0}, {"a": 1}, {"a": 1.0}, (("a",), 0, 1, 1.0)),
        ({"a": {"x": 1}}, {"a": 5}, {"a": {"x": 2}}, (("a",), {"x": 1}, 5, {"x": 2})),
    ],
    ids=["nested", "deleted", "added", "array", "root", "number", "kind"],
)  # fmt: skip
def test_conflict(base: Any, mine: Any, theirs: Any, conflict: Any) -> None:
    assert merge(base, mine, theirs).conflicts == [conflict]


def test_choices() -> None:
    base: Json = {"a": 1, "b": 1, "c": 1, "d": 1}
    mine: Json = {"a": 2, "b": 2, "c": 2, "mine": 0}
    theirs: Json = {"a": 3, "b": 3, "d": 3, "theirs": 0}
    found = merge(base, mine, theirs)
    assert [one.path for one in found.conflicts] == [("a",), ("b",), ("c",), ("d",)]
    assert found.value == {"a": 2, "b": 2, "c": 2, "mine": 0, "theirs": 0}
    choices = {
        ("a",): MergeSide.THEIRS,
        ("b",): MergeSide.BASE,
        ("c",): MergeSide.THEIRS,
        ("d",): MergeSide.THEIRS,
    }
    assert merge(base, mine, theirs, choices).value == {
        "a": 3, "b": 1, "d": 3, "mine": 0, "theirs": 0,
    }  # fmt: skip


@given(VALUES, VALUES)
def test_a_change_of_one_side_is_taken(base: Json, other: Json) -> None:
    for mine, theirs in ((other, base), (base, other), (other, other)):
        found = merge(base, mine, theirs)
        assert not found.conflicts and same(found.value, other)


@given(VALUES, VALUES, VALUES)
def test_both_ways_are_equal(base: Json, mine: Json, theirs: Json) -> None:
    one, two = merge(base, mine, theirs), merge(base, theirs, mine)
    assert {(c.path, repr(c.mine), repr(c.theirs)) for c in one.conflicts} == {
        (c.path, repr(c.theirs), repr(c.mine)) for c in two.conflicts
    }
    if not one.conflicts:
        assert same(one.value, two.value)


@given(VALUES, VALUES, VALUES)
def test_nothing_is_lost(base: Json, mine: Json, theirs: Json) -> None:
    """Every value that a side has set is in the result, or belongs to a conflict."""
    found = merge(base, mine, theirs)
    conflicts = [one.path for one in found.conflicts]
    for side in (mine, theirs):
        for change in leaves(base, side):
            path, value = change
            if not any(path[: len(other)] == other for other in conflicts):
                assert same(at(found.value, path), value)


@given(VALUES, VALUES, VALUES)
def test_one_side_for_all_conflicts(base: Json, mine: Json, theirs: Json) -> None:
    found = merge(base, mine, theirs)
    for side, value in ((MergeSide.MINE, mine), (MergeSide.THEIRS, theirs)):
        chosen = merge(base, mine, theirs, {one.path: side for one in found.conflicts})
        for one in found.conflicts:
            wanted = one.value(side)
            assert wanted is ABSENT or same(at(chosen.value, one.path), at(value, one.path))


def leaves(base: Json, changed: Json, path: tuple[str, ...] = ()) -> list[tuple[Any, Json]]:
    """Return the paths of object keys at which a value was set, with the values."""
    if not isinstance(changed, dict):
        return [(path, changed)] if diff(base, changed) else []
    if not isinstance(base, dict):
        base = {}
    found = []
    for key, value in changed.items():
        if key in base or isinstance(value, dict):
            found += leaves(base.get(key), value, (*path, key))
        else:
            found.append(((*path, key), value))
    return found


def at(value: Any, path: tuple[Any, ...]) -> Any:
    for key in path:
        value = value[key]
    return value
