"""JSON without the package ``json``: the same results and errors."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from torc_tui import fast_json
from torc_tui.fast_json import encoder, indented, loads

LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
KEYS = st.text() | st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False)
VALUES = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner) | st.tuples(inner, inner) | st.dictionaries(st.text(), inner)
        | st.dictionaries(KEYS, inner)
    ),
)  # fmt: skip
TEXTS = ["", " ", "{", "[1] 2", "nul", "﻿1", "'a'", '"\n"', "[1,]", "1 x", "\v1", '{"a" 1}', "01"]


def outcome(call: Any, *arguments: Any) -> str:
    try:
        return repr(call(*arguments))
    except (ValueError, RecursionError) as error:
        return f"{type(error).__name__}: {error}"


@given(VALUES)
def test_values_read_and_written_like_json(value: Any) -> None:
    text = json.dumps(value, ensure_ascii=False)
    assert repr(loads(f" \n{text}\t\r ")) == repr(json.loads(text))
    assert indented(value, str) == json.dumps(value, indent=2, ensure_ascii=False)
    compact = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    assert outcome(encoder(str, allow_nan=False), value) == outcome(compact.encode, value)


@given(st.text(alphabet='{}[]:,"\\ -0.1eEuatrfnsl\n') | st.sampled_from(TEXTS))
def test_texts_with_mistakes_are_refused_like_json(text: str) -> None:
    assert outcome(loads, text) == outcome(json.loads, text)


@pytest.mark.parametrize("text", [*TEXTS, '{"a": "b', '["\\x"]', "[1", '{"a":}', '{"a": [nu'])
def test_mistakes_where_json_is_not_imported(text: str) -> None:
    code = (
        "import sys\nfrom torc_tui.fast_json import loads\nassert 'json' not in sys.modules\n"
        "try:\n    loads(sys.argv[1])\nexcept ValueError as error:\n    print(error, end='')"
    )
    argv = [sys.executable, "-c", code, text]
    done = subprocess.run(argv, capture_output=True, text=True, check=True)
    assert f"JSONDecodeError: {done.stdout}" == outcome(json.loads, text)


@pytest.mark.parametrize("word", ["NaN", "Infinity", "-Infinity"])
def test_numbers_that_are_not_finite(word: str) -> None:
    def refuse(word: str) -> Any:
        raise ValueError(f"refused {word}")

    text = f'{{"a": [{word}]}}'
    assert outcome(loads, text, refuse) == f"ValueError: refused {word}"
    assert repr(loads(text)) == repr(json.loads(text))


def test_other_values_are_left_to_the_caller() -> None:
    value = [{1}, {"a": {2}, "b": []}]
    assert indented(value, str) == json.dumps(value, indent=2, default=str)
    assert encoder(str, allow_nan=False)(value) == '["{1}",{"a":"{2}","b":[]}]'


def test_deep_values() -> None:
    depth = 900
    deep = json.loads("[" * depth + "]" * depth)
    assert indented(deep, str).count("\n") == 2 * depth - 2
    assert outcome(loads, "[" * 200_000).startswith("RecursionError")


def test_another_python(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "_json", None)
    monkeypatch.setattr(fast_json, "_scan", fast_json._scanner(float))
    assert fast_json._scan is None
    assert loads(" [1, NaN] ")[0] == 1
    assert encoder(str, allow_nan=False)({"a": [1]}) == '{"a":[1]}'
    assert indented({"a": [1]}, str) == json.dumps({"a": [1]}, indent=2)
