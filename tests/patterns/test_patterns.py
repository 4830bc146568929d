"""Patterns: bounded time for every pattern, and the same answers as ``re``."""

from __future__ import annotations

import re

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from torc_tui.patterns import MAX_CHARACTERS, Pattern, PatternError
from torc_tui.patterns.automaton import Automaton
from torc_tui.patterns.syntax import is_regular, read_tree

ATOMS = [
    *("a", "b", "A", "é", "_", "-", r"\.", ".", r"\d", r"\w", r"\W", r"\s", r"\n", r"\0", r"\141"),
    *("[ab]", "[^a]", "[]a]", "[a-c-]", r"[\w-]", r"\x61", "{", "}", "{}", "", "\n", "(?#x)"),
    *("^", "$", r"\b", r"\B", r"\A", r"\Z"),
    *("(?i:a)", "(?-i:a)", "(?s:.)", "(?m:^)", "(?m:$)", r"(?a:\w)"),
]
QUANTIFIERS = ["", "*", "+", "?", "*?", "+?", "??", "{2}", "{0,2}", "{1,}", "{,2}", "{,}", "{x}"]


def short(value: object) -> str:
    return str(value)[:20]


def _grow(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    group = st.sampled_from(["({})", "(?:{})", "(?P<n{n}>{})"])
    wrapped = st.tuples(group, inner, st.integers(0, 10**9)).map(
        lambda one: one[0].replace("{}", one[1]).replace("{n}", str(one[2]))
    )
    repeated = st.tuples(wrapped, st.sampled_from(QUANTIFIERS)).map("".join)
    return (
        repeated
        | st.tuples(inner, inner).map("".join)
        | st.tuples(inner, inner).map(lambda two: f"{two[0]}|{two[1]}")
    )


SIMPLE = st.tuples(st.sampled_from(ATOMS), st.sampled_from(QUANTIFIERS)).map("".join)
PATTERNS = st.recursive(SIMPLE, _grow, max_leaves=6)
NAMES = st.text(alphabet="abABé_-. 1\n{}", max_size=8)


def valid(pattern: str) -> bool:
    try:
        re.compile(pattern)
    except re.error:
        return False
    return True


@settings(max_examples=600, deadline=None)
@given(PATTERNS.filter(valid), st.booleans(), st.lists(NAMES, min_size=1, max_size=6))
def test_the_automaton_agrees_with_re(pattern: str, ignore_case: bool, names: list[str]) -> None:
    flags = re.IGNORECASE if ignore_case else 0
    compiled = re.compile(pattern, flags)
    tree = read_tree(pattern, flags)
    assume(is_regular(tree))
    automaton = Automaton(tree)
    for name in names:
        assert automaton.search(name) is (compiled.search(name) is not None), (pattern, name)


@pytest.mark.parametrize(
    ("pattern", "name", "found"),
    [
        ("^(a+)+$", "a" * 40, True),
        ("^(a+)+$", "a" * 40 + "b", False),
        ("(a|aa)+$", "a" * 60 + "b", False),
        ("(.*)*x", "a" * 70_000, False),
        (".*.*.*[xy]", "a" * 70_000, False),
        (r"\d+$", "1" * 70_000 + "x", False),
        ("(a?){30}a{30}", "a" * 30, True),
        ("^(([a-z])+.)+[A-Z]([a-z])+$", "a" * 60, False),
        ("|".join(f"name_{number}" for number in range(5_000)), "name_4999x" * 100, True),
        ("(?i)^(A|a)+$", "aA" * 30, True),
    ],
    ids=short,
)
def test_catastrophic_backtracking(pattern: str, name: str, found: bool) -> None:
    assert Pattern(pattern).search(name) is found


@pytest.mark.parametrize(
    ("pattern", "name"),
    [
        ("(?:(?:(?:a?){500}){500}){500}", "a" * 30),
        ("(a|b)*a(a|b){4000}", "abba" * 5_000),
        (r"(a+)+\1$", "a" * 40 + "b"),
        ("(?=(a+)+b)", "a" * 40),
        ("(?>(a+)+)b", "a" * 40),
        ("(a++)+b", "a" * 40),
    ],
    ids=short,
)
def test_too_complex(pattern: str, name: str) -> None:
    with pytest.raises(PatternError, match="simplify"):
        Pattern(pattern).search(name)


@pytest.mark.parametrize(
    "pattern",
    ["(", "a{2}{3}", "[", "(?x)a b", "(" * 9_000 + ")" * 9_000, "a" * (MAX_CHARACTERS + 1)],
    ids=short,
)
def test_invalid_patterns(pattern: str) -> None:
    with pytest.raises(PatternError):
        Pattern(pattern)


@pytest.mark.parametrize(
    ("pattern", "name", "found"),
    [
        ("^(?!eval_)", "train_1", True),
        ("^(?!eval_)", "eval_1", False),
        (r"^(.)\1", "aab", True),
        ("train", "pretrain_7", True),
        ("^train_[0-9]+$", "train_07", True),
        ("GROSS", "gross", False),
    ],
)
def test_found_as_re_finds_it(pattern: str, name: str, found: bool) -> None:
    assert Pattern(pattern).search(name) is found


def test_upper_and_lower_case() -> None:
    assert Pattern("h100", ignore_case=True).search("NVIDIA H100 80GB")
    assert Pattern("(h+)+100$", ignore_case=True).search("H" * 400 + "100")


def test_matching_names() -> None:
    names = [f"train_{number}" for number in range(100)] + ["x" * 3000]
    assert Pattern("_9").matching(names) == (9, *range(90, 100))
    assert Pattern("(x+)+$").matching(names) == (100,)
    assert Pattern("a").matching([]) == ()


def test_where_the_mistake_is() -> None:
    with pytest.raises(PatternError) as caught:
        Pattern("ab(c")
    assert caught.value.at == 2
