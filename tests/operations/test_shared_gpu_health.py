"""The health of GPUs in the database, where the ledger of the host cannot be used."""

from __future__ import annotations

from math import inf
from pathlib import Path

import pytest

from torc_tui.operations.gpu_health import SharedHealth
from torc_tui.resources.gpu_health import BY_USER
from torc_tui.resources.host_ledger import Ledger, LedgerUnavailable
from torc_tui.store.database import Store


def shared(path: Path, store: Store | None) -> SharedHealth:
    return SharedHealth(Ledger("a", path / "ledger"), store)


def test_the_database_keeps_it_without_a_ledger(store: Store, tmp_path: Path) -> None:
    (tmp_path / "ledger").write_text("no directory")
    with shared(tmp_path, store).changing() as health:
        health.avoid("GPU-a", 3, 1.0, inf, "anna")
    other = shared(tmp_path, store)
    assert other.load().set_aside(2.0)["GPU-a"][1].user == "anna"
    with other.changing() as health:
        assert health.use("GPU-a", 3.0, "bert") == [BY_USER]
    assert shared(tmp_path, store).load().set_aside(4.0) == {}


def test_a_ledger_comes_before_the_database(store: Store, tmp_path: Path) -> None:
    with shared(tmp_path, store).changing() as health:
        health.avoid("GPU-a", 3, 1.0, inf, "anna")
    assert set(shared(tmp_path, None).load().set_aside(2.0)) == {"GPU-a"}


def test_a_ledger_that_stays_locked_is_not_replaced(store: Store, tmp_path: Path) -> None:
    one = shared(tmp_path, store)
    with (
        Ledger("b", tmp_path / "ledger").locked(),
        pytest.raises(LedgerUnavailable) as caught,
        one.changing(),
    ):
        pass
    assert caught.value.reason["problem"] == "it stays locked"


def test_nothing_keeps_it_without_both(tmp_path: Path) -> None:
    (tmp_path / "ledger").write_text("no directory")
    one = shared(tmp_path, None)
    with pytest.raises(LedgerUnavailable), one.changing():
        pass
    assert one.load().set_aside(1.0) == {}
