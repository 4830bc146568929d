"""The words for numbers, times and reasons."""

from __future__ import annotations

import pytest

from torc_tui.model import EdgeKind
from torc_tui.reasons import Kind, Reason, because
from torc_tui.wording import (
    age,
    canceled_sentence,
    clock,
    count,
    duration,
    elapsed_in_column,
    end_sentence,
    listed,
    moment,
    sentence,
    sentences,
    size,
    size_in_column,
    two_sizes,
)
from torc_tui.wording.stale_sentences import word_diff

GIB = 1 << 30


def test_count() -> None:
    assert [count(n, "job") for n in (0, 1, 2)] == ["0 jobs", "1 job", "2 jobs"]
    assert [count(n, "GPU") for n in (0.5, 1.0, 2.0)] == ["0.5 GPUs", "1 GPU", "2 GPUs"]
    assert count(2, "match", "matches") == "2 matches"


def test_listed() -> None:
    assert [listed("abcdefg"[:n]) for n in range(6)] == [
        "", "a", "a and b", "a, b and c", "a, b, c and 1 more", "a, b, c and 2 more",
    ]  # fmt: skip
    assert listed(["a", "b"], more=3) == "a, b and 3 more"
    assert listed([], more=3) == "3 more"


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "0.98 KiB"),
        (1536, "1.5 KiB"),
        (16 * GIB, "16 GiB"),
        (30.5 * GIB, "30.5 GiB"),
        (1023 << 20, "1 GiB"),
        (999 << 20, "999 MiB"),
        (5 << 50, "5 PiB"),
        (-2048, "-2 KiB"),
    ],
    ids=str,
)
def test_size(amount: float, text: str) -> None:
    assert size(amount) == text


def test_points_of_a_column_are_aligned() -> None:
    sizes = [size_in_column(size * GIB / 1024) for size in (7.77, 17, 7.8, 1020.2)]
    assert sizes == ["7.8 MiB", "17.0 MiB", "7.8 MiB", "1.0 GiB"]
    assert size_in_column(51) == "51 B"
    times = [elapsed_in_column(seconds) for seconds in (0.042, 7.5, 9.996)]
    assert times == ["0.04 s", "7.50 s", "0:09"]


def test_two_sizes() -> None:
    """Two sizes that differ never look equal."""
    assert two_sizes(2 * GIB, GIB) == ("2 GiB", "1 GiB")
    assert two_sizes(GIB + 1, GIB) == ("1073741825 B", "1073741824 B")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0.00 s"),
        (0.42, "0.42 s"),
        (3.25, "3.2 s"),
        (12, "12 s"),
        (59.7, "1 min"),
        (200, "3 min 20 s"),
        (3900, "1 h 5 min"),
        (183_600, "2 d 3 h"),
        (86_400, "1 d"),
        (-5, "-5.0 s"),
    ],
    ids=str,
)
def test_duration(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_times() -> None:
    assert [clock(s) for s in (4.9, 727, 11_100, 4 * 86_400 + 3 * 3600)] == [
        "0:04", "12:07", "3:05:00", "4d 03h",
    ]  # fmt: skip
    assert [age(s) for s in (3, 720, 11_000, 500_000, 40_000_000)] == [
        "now", "12 min", "3 h", "5 d", "1 y",
    ]  # fmt: skip
    assert len(moment(1_795_000_000.5)) == len("2026-11-28 12:26:31")


MISSING = because(Kind.MISSING_FILES, files=(("out", "out.txt"),))
EXIT_137 = because(Kind.EXIT, code=137)


@pytest.mark.parametrize(
    ("reason", "text"),
    [
        (because(Kind.TEXT, text="no room"), "no room"),
        (because(Kind.EXIT, code=3), "exit 3"),
        (EXIT_137, "exit 137, SIGKILL"),
        (
            because(Kind.EXIT, code=1, disk_free=2048, disk="/out"),
            "exit 1; the disk of /out has 2 KiB left",
        ),
        (MISSING, "exit 0, but did not write its output file out (path out.txt)"),
        (because(Kind.MISSING_USER_DATA, names=("a", "b")),
         "exit 0, but did not write its user data a and b"),
        (because(Kind.OUT_OF_MEMORY, used=3 * GIB, limit=2 * GIB),
         "used 3 GiB of memory, 2 GiB requested"),
        (because(Kind.OUT_OF_MEMORY), "used more memory than requested"),
        (because(Kind.TIMEOUT, limit=90), "ran longer than its runtime of 1 min 30 s"),
        (because(Kind.CANCELED_BY_USER, actor="ann"), "canceled by ann"),
        (because(Kind.CANCELED_BY_USER), "canceled by a user"),
        (because(Kind.DEPENDENCY), "a dependency did not succeed"),
        (because(Kind.DEPENDENCY, job="prep", status="canceled"), "prep was canceled"),
        (because(Kind.DEPENDENCY, job="prep", status="failed", reason=EXIT_137),
         "prep failed (exit 137, SIGKILL)"),
        (because(Kind.DEPENDENCY, job="prep", status="failed", reason=MISSING),
         "prep failed: exit 0, but did not write its output file out (path out.txt)"),
        (because(Kind.WAITS, jobs=("a", "b"), more=12), "waits for a, b and 12 more"),
        (because(Kind.WAITS, more=3), "waits for 3 jobs"),
        (because(Kind.WAITS_FOR_TURN, ahead=1), "waits for its turn, 1 job ahead"),
        (because(Kind.ATTEMPT, number=2, of=4, delay=7.2), "attempt 2 of 4 in 8 s"),
    ],
    ids=lambda value: value.kind.value if isinstance(value, Reason) else "",
)  # fmt: skip
def test_sentence(reason: Reason, text: str) -> None:
    assert sentence(reason) == text


@pytest.mark.parametrize(
    ("edge", "via", "expected"),
    [
        (EdgeKind.EXPLICIT, None, "depends_on"),
        (EdgeKind.REGEX, "^a", "depends_on_regexes '^a'"),
        (EdgeKind.FILE, "data", "file 'data'"),
        (EdgeKind.USER_DATA, None, "user data"),
    ],
)
def test_edges(edge: EdgeKind, via: str | None, expected: str) -> None:
    assert sentence(because(Kind.EDGE, edge=int(edge), via=via)) == expected


@pytest.mark.parametrize("kind", list(Kind))
def test_every_kind(kind: Kind) -> None:
    """Every kind has words, also where all arguments are missing."""
    assert isinstance(sentence(because(kind)), str)
    assert set(sentences._SENTENCES) == set(Kind)


def test_end_sentence() -> None:
    """The exit code appears once."""
    assert end_sentence(None, None) == ""
    assert end_sentence(None, 137) == "exit 137, SIGKILL"
    assert end_sentence(because(Kind.EXIT, code=3), 3) == "exit 3"
    assert end_sentence(MISSING, 1) == sentence(MISSING)
    assert end_sentence(because(Kind.TIMEOUT), 152) == "ran longer than its runtime (exit 152)"


def test_canceled_sentence() -> None:
    assert canceled_sentence(None) == "canceled"
    assert canceled_sentence(because(Kind.CANCELED_BY_USER, actor="ann")) == "canceled by ann"
    because_of = because(Kind.DEPENDENCY, job="canceled by design", status="failed")
    assert canceled_sentence(because_of) == "canceled: canceled by design failed"


@pytest.mark.parametrize(
    ("before", "after", "shown"),
    [
        ("train --lr 0.1 --n 3", "train --lr 0.2 --n 3", "train --lr [-0.1-] {+0.2+} --n 3"),
        ("a b c d e f g", "a b c d e f g h", "… e f g {+h+}"),
        ("k a", "a", "[-k-] a"),
        ("", "x", "{+x+}"),
        ("a  b\nc", "a b c", "only white space"),
        ("x " * 3000, "y", "too long to show"),
    ],
    ids=["words", "end", "start", "new", "spaces", "long"],
)
def test_word_diff(before: str, after: str, shown: str) -> None:
    assert word_diff(before, after) == shown


def test_a_file_that_looks_the_same() -> None:
    """Size and time are equal, so the sentence says what changed."""
    state = (6, 1_800_000_000.25)
    reason = because(
        Kind.INPUT_CHANGED, name="in", path="in", before=state, after=(6, state[1] + 0.5)
    )
    assert sentence(reason).endswith(", other content)") and "→" not in sentence(reason)
