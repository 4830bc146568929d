"""The lines above and below: tabs, header and footer at every width."""

from __future__ import annotations

import pytest

from torc_tui.status import JobStatus
from torc_tui.tui.feed.machine import Meter
from torc_tui.tui.frame.bars import HeaderBar, HeaderState
from torc_tui.tui.look.status_icons import STATUS
from torc_tui.tui.look.text_layout import line_width
from torc_tui.tui.widgets.tab_bar import TabBar
from torc_tui.tui.workflows import tab_host

TABS = [(tab.name, tab.title) for tab in tab_host.TABS]


def tabs(current: str, width: int) -> str:
    bar = TabBar(TABS)
    bar.current = current
    bar.keys = {name: str(place) for place, (name, _) in enumerate(TABS, 1)}
    (line,) = bar.lines(width, 1)
    assert line_width(line) <= width + 2  # the gap behind the last one may lie outside
    return "".join(text for text, _ in line).rstrip()


def test_titles_that_fit() -> None:
    assert tabs("overview", 120).startswith(" 1 Overview  2 Log  3 Graph")
    assert (
        tabs("overview", 80)
        == " Overview  Log  Graph  Data  Files  Timeline  Results  Rerun  Events  Machine"
    )
    titles = " Overview Log Graph Data Files Timeline Results Rerun Events Machine"
    assert tabs("overview", len(titles)) == titles


def test_titles_are_never_cut() -> None:
    titles = {title for _, title in TABS}
    for width in range(12, 64):
        for name, title in TABS:
            shown = tabs(name, width).strip("‹› ").split()
            assert title in shown and set(shown) <= titles


def test_marks_of_hidden_tabs() -> None:
    assert tabs("overview", 40) == " Overview Log Graph Data Files Timeline ›"
    assert tabs("resources", 40) == "‹Timeline Results Rerun Events Machine"
    middle = tabs("timeline", 30)
    assert middle.startswith("‹") and middle.endswith("›") and "Timeline" in middle


FULL = HeaderState(
    title="pipeline",
    state=STATUS[JobStatus.RUNNING],
    run=2,
    done=812,
    total=1000,
    failed=3,
    running=14,
    eta="12 to 15 min",
    meters=(Meter("CPU", "14", "16"), Meter("mem", "41", "128 GB"), Meter("GPU", "3", "4")),
)


@pytest.mark.parametrize(
    ("width", "shown", "left_out"),
    [
        (
            200,
            ["pipeline", "running", "run 2", "812/1000", "3 failed", "ETA", "CPU 14/16", "GPU 3/4"],
            [],
        ),
        (80, ["pipeline", "running", "812/1000", "3 failed", "ETA 12 to 15 min"], ["GPU"]),
        (40, ["pipeline", "812/1000"], ["CPU", "run 2"]),
    ],
)
def test_header_by_importance(width: int, shown: list[str], left_out: list[str]) -> None:
    (line,) = HeaderBar(FULL).lines(width, 1)
    text = "".join(span for span, _ in line)
    assert line_width(line) <= width
    assert all(word in text for word in shown), text
    assert not any(word in text for word in left_out), text
