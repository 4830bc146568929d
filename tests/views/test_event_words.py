"""Events in words, and notices."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from torc_tui.model import STATUS_EVENTS, Event
from torc_tui.views.event_texts import words
from torc_tui.views.notification_batcher import Bursts, common, sentence


def events(*told: tuple) -> list[Event]:
    return [Event(1, seq, float(at), kind, 7, data) for seq, (at, kind, data) in enumerate(told, 1)]


STORY = events(
    (0, "job_ready", {}),
    (10, "job_claimed", {"node": 1, "attempt": 1}),
    (12, "job_started", {"pid": 99, "attempt": 1, "node": 1}),
    (20, "job_retried", {"attempt": 2, "reason": "exit 3", "not_before": 30}),
    (30, "job_claimed", {"node": 2, "attempt": 2}),
    (30, "job_started", {"pid": 100, "attempt": 2}),
    (35, "job_warning", {"message": "ml_config was not written"}),
    (
        40,
        "job_completed",
        {"return_code": 0, "attempt": 2, "exec_time": 10.0, "peak_memory": 1 << 30, "cpu_time": 9},
    ),
)


def test_events_in_words() -> None:
    rows = [words(event) for event in STORY]
    assert [row.title for row in rows][:4] == [
        "ready",
        "taken by a runner",
        "started",
        "will be tried again",
    ]
    assert rows[3].detail == "attempt 2 · in 10 s · exit 3"
    assert rows[6] == ("warning", "ml_config was not written")
    assert rows[-1].detail == "exit 0 · after 10 s · peak 1.00 GB · attempt 2"
    odd = words(Event(1, 9, 0.0, "job_painted_blue", None, {"reason": "\x1b[31m\nx"}, "me@here"))
    assert odd == ("painted blue", "⏎x")


VALUES = st.dictionaries(
    st.sampled_from(
        [
            "attempt",
            "node",
            "reason",
            "exec_time",
            "return_code",
            "not_before",
            "counts",
            "peak_memory",
        ]
    ),
    st.none() | st.booleans() | st.integers(-5, 300) | st.text(max_size=3) | st.just({"failed": 1}),
)


@given(
    st.lists(
        st.tuples(
            st.integers(0, 99), st.sampled_from([*STATUS_EVENTS, "job_warning", "new"]), VALUES
        ),
        max_size=9,
    )
)
def test_any_event_has_words_on_one_line(told: list[tuple]) -> None:
    for event in events(*told):
        title, detail = words(event)
        assert title and "_" not in title
        assert not [char for char in title + detail if unicodedata.category(char) == "Cc"]


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
    bursts = Bursts(pause=0.5, longest=3.0)
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
    assert len(bursts.flush()) == 1 and sentence("failed", ["a"]) == "a failed"
