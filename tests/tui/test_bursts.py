"""Bursts of like events become one sentence."""

from __future__ import annotations

import pytest

from torc_tui.tui.bursts import fold


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["prep"], "prep failed"),
        ([f"train_{i}" for i in range(37)], "37 jobs failed: train_*"),
        (["train_lr0.1", "train_lr0.01"], "2 jobs failed: train_lr*"),
        (["a_eval", "b_eval"], "2 jobs failed: *_eval"),
        (["alpha", "beta", "gamma", "zeta9"], "4 jobs failed: alpha, beta, gamma …"),
    ],
)
def test_fold(names: list[str], expected: str) -> None:
    assert fold("failed", names) == expected
