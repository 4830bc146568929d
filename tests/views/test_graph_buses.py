"""Lines that links of a graph share: they are few, and each link can be read off the picture."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from torc_tui.views.graph_buses import find_buses
from torc_tui.views.graph_layout import Layout, layout
from torc_tui.views.graph_routing import Hop

Links = list[tuple[int, int]]
Place = tuple[int, int]
"""A track, and a column; -1 is the place above all tracks."""


def reached(hops: list[Hop], column: int) -> set[int]:
    """Follow the lines from a box down to columns of arrows, turning wherever lines meet.

    A reader follows a line across in both directions, but never up, and never out of the column of
    an arrow.
    """
    open_: list[Place] = [(-1, column)]
    seen, found = set(open_), set()
    while open_:
        track, x = open_.pop()
        leaving = {hop.track for hop in hops if hop.exit == x and hop.track is not None}
        if any(hop.entry == x and hop.track in (None, track) for hop in hops):
            found.add(x)
        ways = {(at, x) for at in leaving if at > track}
        for at in [track, *leaving]:
            if at >= track and (at == track or (at, x) in ways):
                ways |= set(meetings(hops, at, x))
        open_ += ways - seen
        seen |= ways
    return found


def meetings(hops: list[Hop], track: int, column: int) -> Iterator[Place]:
    """Yield the columns that join the line on a track at a column."""
    spans = [sorted((hop.exit, hop.entry)) for hop in hops if hop.track == track]
    low = high = column
    for _ in spans:  # lines that touch look like one
        touching = [span for span in spans if span[0] <= high and span[1] >= low]
        low = min([low, *(span[0] for span in touching)])
        high = max([high, *(span[1] for span in touching)])
    for hop in hops:
        if hop.track == track:
            yield from ((track, x) for x in (hop.exit, hop.entry) if low <= x <= high)


@example(
    [(0, 6), (0, 7), (1, 7), (1, 9), (2, 7), (2, 8), (3, 6), (3, 8)],
    [5, 5, 5, 5, 5, 5, 5, 7, 5, 5, 5, 5],
)
@settings(max_examples=200)
@given(
    st.lists(st.tuples(st.integers(0, 5), st.integers(6, 11)), min_size=1, max_size=20),
    st.lists(st.integers(5, 13), min_size=12, max_size=12),
)
def test_each_link_can_be_read_off_the_picture(pairs: Links, widths: list[int]) -> None:
    links = sorted(set(pairs))
    made = layout([(width, 3) for width in widths], links)
    ports = {links[hop.link][0]: hop.exit for hop in made.hops}
    entries = {hop.entry: links[hop.link][1] for hop in made.hops}
    for source, port in ports.items():
        targets = {below for above, below in links if above == source}
        assert {entries[x] for x in reached(made.hops, port)} == targets, source


@given(st.lists(st.tuples(st.integers(0, 8), st.integers(10, 18)), max_size=40))
def test_buses_have_each_pair_once(pairs: Links) -> None:
    buses = find_buses(pairs)
    found = [(above, below) for bus in buses for above in bus.above for below in bus.below]
    assert sorted(found) == sorted(set(pairs))


@pytest.mark.parametrize(
    ("links", "number"),
    [
        ([(0, n) for n in range(10, 20)], 1),
        ([(n, 20) for n in range(10)], 1),
        ([(a, b) for a in range(5) for b in range(10, 15)], 1),
        ([(n, 10 + n) for n in range(4)], 4),
        ([(n, 20) for n in range(5)] + [(n, 10 + n) for n in range(5)], 6),
        ([(0, n) for n in range(10, 20)] + [(n, 15) for n in range(1, 6)], 2),
    ],
    ids=["one source", "one target", "all to all", "pairs", "pairs and one target", "two stars"],
)
def test_links_share_buses(links: Links, number: int) -> None:
    assert len(find_buses(links)) == number


def tracks(made: Layout) -> set[tuple[int, int]]:
    return {(hop.start, hop.track) for hop in made.hops if hop.track is not None}


def test_many_links_to_one_box_need_one_row() -> None:
    links = [(source, 12) for source in range(12)]
    made = layout([(9, 3)] * 13, links)
    assert len(tracks(made)) == 1
    assert made.height == 3 + 3 + 3  # boxes; a line out, the bus, the arrow


def test_long_links_to_one_box_share_a_lane() -> None:
    """Boxes of many ranks that one box collects from: one line runs past the others."""
    chain = list(pairwise(range(6)))
    made = layout([(9, 3)] * 7, [*chain, *((source, 6) for source in range(6))])
    columns: dict[int, set[int]] = {}
    for hop in made.hops:
        columns.setdefault(hop.start, set()).add(hop.exit)
    assert len(columns) == 6 and max(map(len, columns.values())) == 2
