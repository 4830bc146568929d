"""JSON that columns hold."""

from __future__ import annotations

import json

import pytest

from torc_tui.errors import UsageError
from torc_tui.store.encoding import dumps, loads

VALUES = [
    None,
    True,
    0,
    -0.0,
    1e300,
    10**40,
    'a\u2028ö"\\\n',
    [],
    {},
    [1, [2.5, {"a": "\x7f"}]],
    {"z": 1, "a": None},
    {1: 2, None: 3, False: 4, 1.5: 6},
]


@pytest.mark.parametrize("value", VALUES)
def test_compact_json(value: object) -> None:
    expected = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    assert dumps(value) == expected
    assert loads(expected) == json.loads(expected)


def test_half_of_a_surrogate_pair_is_escaped() -> None:
    assert dumps(["\ud800"]) == '["\\ud800"]'


@pytest.mark.parametrize("value", [float("nan"), [float("inf")], {"a": -float("inf")}])
def test_numbers_that_json_lacks(value: object) -> None:
    with pytest.raises(UsageError, match="not finite"):
        dumps(value)


def test_a_value_inside_itself() -> None:
    value: list[object] = []
    value.append(value)
    with pytest.raises(UsageError, match="nested too deeply"):
        dumps(value)
    assert dumps([1]) == "[1]"
