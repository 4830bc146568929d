"""Events in words."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from torc_tui.model import STATUS_EVENTS, Event
from torc_tui.reasons import Kind, because
from torc_tui.wording import event_words, readable

EXIT_3 = because(Kind.EXIT, code=3).to_json()


def events(*told: tuple[Any, ...]) -> list[Event]:
    return [Event(1, seq, float(at), kind, 7, data) for seq, (at, kind, data) in enumerate(told, 1)]


STORY = events(
    (0, "job_ready", {}),
    (10, "job_claimed", {"node": 1, "attempt": 1}),
    (12, "job_started", {"pid": 99, "attempt": 1, "node": 1}),
    (20, "job_retried", {"attempt": 2, "of": 4, "reason": EXIT_3, "not_before": 30}),
    (30, "job_claimed", {"node": 2, "attempt": 2}),
    (30, "job_started", {"pid": 100, "attempt": 2}),
    (
        35,
        "job_warning",
        {"message": because(Kind.USER_DATA_NOT_WRITTEN, names=("ml_config",)).to_json()},
    ),
    (
        40,
        "job_completed",
        {"return_code": 0, "attempt": 2, "exec_time": 10.0, "peak_memory": 1 << 30, "cpu_time": 9},
    ),
)


def test_event_words() -> None:
    rows = [event_words(event) for event in STORY]
    assert [row.title for row in rows][:4] == [
        "ready",
        "claimed by a runner",
        "started",
        "retrying",
    ]
    assert rows[3].detail == "attempt 2 of 4 · in 10 s · exit 3"
    assert rows[6] == ("warning", "did not write its user data ml_config")
    assert rows[-1].detail == "exit 0 · after 10 s · peak 1 GiB · attempt 2"
    odd = event_words(Event(1, 9, 0.0, "job_painted_blue", None, {"reason": "text"}, "me@here"))
    assert odd == ("painted blue", "text")


def test_end_is_named_once() -> None:
    """The reason of an end and its exit code are one sentence."""
    data = {"return_code": 137, "reason": because(Kind.EXIT, code=137).to_json(), "cause": "signal"}
    assert event_words(Event(1, 1, 0.0, "job_failed", 7, data)).detail == "exit 137, SIGKILL"
    data = {"return_code": 152, "reason": because(Kind.TIMEOUT, limit=10).to_json()}
    detail = event_words(Event(1, 1, 0.0, "job_terminated", 7, data)).detail
    assert detail == "ran longer than its runtime of 10 s (exit 152)"


def test_readable() -> None:
    """Stored reasons become sentences, everything else stays."""
    data = {"reason": EXIT_3, "message": "old text", "counts": {"failed": 1}}
    assert readable(data) == {**data, "reason": "exit 3"}


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
def test_any_event(told: list[tuple[Any, ...]]) -> None:
    """Any event has a title, whatever its data holds."""
    for event in events(*told):
        title, detail = event_words(event)
        assert title and "_" not in title
        assert isinstance(detail, str)
