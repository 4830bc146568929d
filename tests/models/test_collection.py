"""Pauses of the garbage collection, also of several threads."""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator

import pytest

from tests.waiting import DEADLINE
from torc_tui.collection import collection_paused, start_collection


@pytest.fixture
def enabled() -> Iterator[None]:
    gc.enable()  # tests that open the app leave it off
    yield
    gc.enable()


@pytest.mark.usefixtures("enabled")
def test_overlapping_pauses() -> None:
    inside, may_leave = threading.Event(), threading.Event()

    def pause() -> None:
        with collection_paused():
            inside.set()
            may_leave.wait(DEADLINE)

    thread = threading.Thread(target=pause)
    with collection_paused(freeze=True):
        thread.start()
        assert inside.wait(DEADLINE)
        assert not gc.isenabled()
    assert not gc.isenabled()
    may_leave.set()
    thread.join(DEADLINE)
    assert gc.isenabled()


@pytest.mark.usefixtures("enabled")
def test_pauses_before_the_first_data() -> None:
    """The app starts without collection, and starts it when it shows data."""
    gc.disable()
    with collection_paused():
        pass
    assert not gc.isenabled()
    with collection_paused():
        start_collection()
        assert not gc.isenabled()
    assert gc.isenabled()


@pytest.mark.usefixtures("enabled")
def test_pause_that_ends_with_an_error() -> None:
    with pytest.raises(ValueError, match="broken"), collection_paused():
        raise ValueError("broken")
    assert gc.isenabled()
