"""Notices of many jobs as one line."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from torc_tui.views.notification_batcher import NotificationBatcher, common, sentence


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["train_1", "train_2"], "train_*"),
        (["train_1", "train_12"], "train_*"),
        (["a_eval", "b_eval"], "*_eval"),
        (["run_1_x", "run_2_x"], "run_*_x"),
        (["same", "same"], "same"),
        (["a", "b", "c"], "a, b, c"),
        (["ab", "cd", "ef", "gh"], "ab, cd, ef …"),
        (["aa", "aaa"], "aa*"),
    ],
)
def test_what_names_share(names: list[str], expected: str) -> None:
    assert common(names) == expected


@given(st.lists(st.text("ab_12", min_size=1, max_size=6), min_size=2, max_size=6))
def test_a_pattern_fits_all_names(names: list[str]) -> None:
    pattern = common(names)
    if "*" in pattern:
        prefix, _, suffix = pattern.partition("*")
        for name in names:
            assert (
                name.startswith(prefix)
                and name.endswith(suffix)
                and len(prefix) + len(suffix) <= len(name)
            )


def test_bursts_fold_until_it_is_quiet() -> None:
    bursts = NotificationBatcher(pause=0.5, longest=3.0)
    for number in range(37):
        bursts.add("failed", number, f"train_{number}", 10.0 + number / 100)
    bursts.add("completed", 99, "prep", 10.0)
    assert [notice.text for notice in bursts.due(10.6)] == ["prep completed"]
    (notice,) = bursts.due(10.9)
    assert notice.text == "37 jobs failed: train_*" and len(notice.job_ids) == 37
    assert bursts.due(20.0) == []
    for step in range(40):
        bursts.add("failed", step, "x", 20.0 + step / 10)
        if got := bursts.due(20.0 + step / 10):
            assert step == 30 and len(got[0].job_ids) == 31
    assert len(bursts.due(100.0)) == 1 and sentence("failed", ["a"]) == "a failed"
