"""When the critical path is searched again."""

from __future__ import annotations

from collections.abc import Callable

from torc_tui.tui.graph.chain_search import EVERY, ChainSearch
from torc_tui.views.graph_critical import CriticalChain

Take = Callable[[CriticalChain], None]


def test_it_is_searched_again_after_changes_but_not_often() -> None:
    asked: list[Take] = []
    shown: list[CriticalChain | None] = []
    search = ChainSearch(asked.append, lambda: shown.append(search.chain))
    search.jobs_changed()
    search.every_second(100.0)
    assert asked == [], "nobody wants it"
    search.toggle()
    asked[0](CriticalChain([1], 2.0))
    assert shown == [None, CriticalChain([1], 2.0)]
    search.every_second(100.0)
    search.jobs_changed()
    search.every_second(100.0 + EVERY / 2)
    assert len(asked) == 2
    search.every_second(100.0 + EVERY)
    search.every_second(100.0 + 3 * EVERY)
    assert len(asked) == 3, "nothing changed since"
    search.toggle()
    asked[2](CriticalChain([1], 3.0))
    assert search.chain is None, "an answer that nobody wants any more"
