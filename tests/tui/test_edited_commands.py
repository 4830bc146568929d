"""An edited command as a substitution that suits the commands of other jobs."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from torc_tui.tui.workflows.retry_dialogs import substituted, substitution


@pytest.mark.parametrize(
    ("before", "after", "option"),
    [
        ("fit --lr 0.1 x", "fit --lr 0.2 x", r"s/0\.1/0.2/"),
        ("fit --a 1 --b 1", "fit --a 1 --b 2", "s/--b 1/--b 2/"),
        ("fit --lr 0.1", "fit --lr 0.1 --fast", r"s/0\.1/0.1 --fast/"),
        ("fit a/b.py x", "fit a/c.py x", r"s/a\/b\.py/a\/c.py/"),
        ("a a a", "a b a", "s/a a/a b/"),
    ],
)
def test_the_changed_words(before: str, after: str, option: str) -> None:
    assert substitution(before, after) == option


def test_commands_without_the_words() -> None:
    option = substitution("fit 1 --rate 1", "fit 1 --rate 2")
    assert substituted(["fit 7 --rate 1", "fit 8 --rate 5"], option) == ["fit 7 --rate 2", None]


@given(
    st.lists(st.sampled_from(["a", "b", "x/y", "--n", "1", "$V", "a.b", "\\d", "&"]), min_size=1),
    st.lists(st.sampled_from(["a", "b", "x/y", "--n", "2", "\\1", "(", "&"]), min_size=1),
)
@example(["b", "b", "b"], ["b", "a"])
def test_it_makes_the_edited_command(before: list[str], after: list[str]) -> None:
    old, new = " ".join(before), " ".join(after)
    if old != new:
        assert substituted([old], substitution(old, new)) == [new]
